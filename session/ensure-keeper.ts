import type { Session } from "./session.ts";

/** Sees to it that an open session that needs a keeper has one; most need none, and load nothing for it. Does not wait for the keeper. */
export async function ensureKeeper(session: Session): Promise<void> {
  if (needsKeeper(session)) (await import("./spawn-keeper.ts")).spawnKeeper(session);
}

/** Whether something about an open session needs a process that stays: a lease to renew, a deadline, an end when it is idle. */
function needsKeeper(session: Session): boolean {
  if (session.meta.owner.kind !== "open") return false;
  const { runtime, options } = session;
  return options.idle_minutes > 0 || runtime.renew !== undefined || runtime.deadline !== undefined;
}
