/** What can break, and where. */
import { readdirSync, readFileSync } from "node:fs";
import type { Home } from "../../../session/home.ts";
import type { SessionMeta } from "../../../session/meta.ts";

export const RUNGS = ["host", "docker", "daytona", "sprites", "modal"] as const;
export type Rung = (typeof RUNGS)[number];

/** What becomes of the sandbox: it is there still or again, it is known to be gone, or nobody can say because its service is silent for ever. */
export type Fate = "stays" | "gone" | "silent";

/** One thing that breaks. */
export interface Kind {
  readonly name: string;
  readonly fate: Fate;
  /** True where another command has to run in the session afterwards, and the first one to be still at work. */
  readonly goesOn?: boolean;
}

/** What breaks on every rung, by SIGKILL where it says killed. */
const COMMON: readonly Kind[] = [
  { name: "`session start` killed", fate: "stays" },
  { name: "`run` killed", fate: "stays" },
  { name: "`exec` killed", fate: "stays", goesOn: true },
  { name: "the keeper killed", fate: "stays", goesOn: true },
  { name: "`exec` and the keeper killed", fate: "stays", goesOn: true },
  { name: "the keeper hangs", fate: "stays", goesOn: true },
  { name: "every glue asleep for seconds", fate: "stays", goesOn: true },
  { name: "the keeper killed in a checkpoint", fate: "stays", goesOn: true },
  { name: "`session close` killed", fate: "stays" },
  { name: "the disk of `~/.glue` full", fate: "stays", goesOn: true },
];

/** What breaks where a service is asked. */
const REMOTE: readonly Kind[] = [
  { name: "every connection cut", fate: "stays", goesOn: true },
  { name: "the service refuses connections for seconds", fate: "stays", goesOn: true },
  { name: "the service hangs for seconds", fate: "stays", goesOn: true },
  { name: "the service gone for good", fate: "silent" },
];

const KINDS: Record<Rung, readonly Kind[]> = {
  host: [{ name: "the copy's folders removed", fate: "gone" }, ...COMMON],
  docker: [
    { name: "the container killed", fate: "stays" },
    { name: "the container removed", fate: "gone" },
    { name: "the engine killed, and started again", fate: "stays" },
    ...COMMON,
  ],
  daytona: [
    { name: "the sandbox stopped", fate: "stays" },
    { name: "the sandbox deleted", fate: "gone" },
    ...REMOTE,
    ...COMMON,
  ],
  sprites: [
    { name: "the `sprite` program killed", fate: "stays", goesOn: true },
    { name: "the sprite destroyed", fate: "gone" },
    ...REMOTE,
    ...COMMON,
  ],
  modal: [
    { name: "the sidecar killed", fate: "stays", goesOn: true },
    { name: "the sandbox at the end of its lifetime", fate: "gone" },
    ...REMOTE,
    ...COMMON,
  ],
};

/** What a seed breaks: each kind in turn, so that a few runs have much of it. When it breaks is left to chance. */
export function kindOf(rung: Rung, seed: number): Kind {
  const kinds = KINDS[rung];
  const kind = kinds[(seed - 1 + 4 * RUNGS.indexOf(rung)) % kinds.length];
  if (kind === undefined) throw new Error(`no kind for the seed ${seed}`);
  return kind;
}

/** Takes back what was broken. */
export type Mend = () => Promise<void> | void;

/** One rung, for one run. */
export interface Place {
  /** The words that choose it. */
  readonly args: readonly string[];
  /** What a glue needs in its environment to reach it. */
  readonly env: Readonly<Record<string, string>>;
  /** Breaks what only this rung has; what is to be taken back after some seconds is returned. */
  breakIt(kind: string, at: { readonly home: Home; readonly meta: SessionMeta }): Promise<Mend | undefined>;
  /** What of a session is still at the service, as the service tells it. */
  left(id: string): Promise<readonly string[]>;
  /** Whether the thing beside it that is somebody else's is still there and at work. */
  strangerLives(): Promise<boolean>;
  stop(): Promise<void>;
}

/** The processes of this machine that `wanted` says yes to, by their environment and their command line. */
export function processesWith(wanted: (environ: string, cmdline: string) => boolean): { pid: number; what: string }[] {
  const found: { pid: number; what: string }[] = [];
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const cmdline = readFileSync(`/proc/${name}/cmdline`, "latin1").replaceAll("\0", " ");
      if (wanted(`\0${readFileSync(`/proc/${name}/environ`, "latin1")}`, cmdline))
        found.push({ pid: Number(name), what: `${name} ${cmdline}` });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** False where the process has ended meanwhile. */
export function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
