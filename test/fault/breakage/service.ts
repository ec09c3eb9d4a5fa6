import type { Mend } from "./place.ts";
import type { Relay } from "./relay.ts";

/** The double of a service, in a process of its own, and the ways to it. */
export interface Service {
  readonly pid: number;
  readonly relays: readonly Relay[];
}

/** Breaks what every service has. Undefined where the kind is none of those. */
export async function breakService({ pid, relays }: Service, kind: string): Promise<{ mend?: Mend } | undefined> {
  switch (kind) {
    case "every connection cut":
      for (const relay of relays) relay.cut();
      return {};
    case "the service refuses connections for seconds":
      await Promise.all(relays.map((relay) => relay.takes(false)));
      return { mend: async () => void (await Promise.all(relays.map((relay) => relay.takes(true)))) };
    case "the service hangs for seconds":
      process.kill(pid, "SIGSTOP");
      return { mend: () => void process.kill(pid, "SIGCONT") };
    case "the service gone for good":
      process.kill(pid, "SIGKILL");
      return {};
    default:
      return undefined;
  }
}
