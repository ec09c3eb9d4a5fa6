import type { SessionMeta } from "./meta.ts";
import type { Session } from "./session.ts";

/** How often a session wants checkpoints, in milliseconds; undefined where it wants none, or has nothing that could be lost. */
export function checkpointsWanted({ meta, options }: { meta: Pick<SessionMeta, "mode">; options: Session["options"] }) {
  return meta.mode === "copy" && options.checkpoint_seconds > 0 ? options.checkpoint_seconds * 1_000 : undefined;
}

/** Sees to it that an open session that needs a keeper has one; most need none, and load nothing for it. Does not wait for the keeper. */
export async function ensureKeeper(session: Session): Promise<void> {
  if (needsKeeper(session)) (await import("./spawn-keeper.ts")).spawnKeeper(session);
}

/** Whether something about an open session needs a process that stays: checkpoints, a lease to renew, a deadline, an end when it is idle. */
function needsKeeper(session: Session): boolean {
  if (session.meta.owner.kind !== "open") return false;
  const { runtime, options } = session;
  if (checkpointsWanted(session) !== undefined) return true;
  return options.idle_minutes > 0 || runtime.renew !== undefined || runtime.deadline !== undefined;
}
