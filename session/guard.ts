import { checkpointsWanted, ensureKeeper } from "./ensure-keeper.ts";
import type { LiveSession } from "./live-session.ts";

/**
 * Sees to the checkpoints of a session while a command of this process runs in it: makes them where the session is this process's own, and
 * sees to it that its keeper lives where it has one. Undefined where the session wants none.
 */
export async function guardSession(session: LiveSession): Promise<{ stop(): Promise<void> } | undefined> {
  const everyMs = checkpointsWanted(session);
  if (everyMs === undefined) return undefined;
  if (session.meta.owner.kind === "process") {
    return (await import("./checkpoints.ts")).keepCheckpoints(session, { everyMs });
  }
  const timer = setInterval(() => {
    // A keeper that could not be started is tried again with the next look.
    ensureKeeper(session).catch((error: unknown) => session.voice.warn(String(error)));
  }, everyMs);
  timer.unref();
  return { stop: async () => clearInterval(timer) };
}
