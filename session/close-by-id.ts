import { isGlueError } from "../spec/glue-error.ts";
import { attachToSave } from "./attach.ts";
import { closedReport, closeLocked } from "./close.ts";
import { finishGone, finishUnopened, isUnopened, tellMissing } from "./finish-gone.ts";
import { healLocked } from "./heal.ts";
import { takeLock } from "./lock.ts";
import { isFinal, type SessionMeta } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import type { CloseReport, Surroundings } from "./session.ts";
import { refuseIfOwned } from "./session-state.ts";
import { dismissKeeper } from "./spawn-keeper.ts";
import { type SessionFolder, sessionFolder } from "./store.ts";

/**
 * Ends a session that this process did not open. Whoever comes second waits for the first and reports what it did. `sessionBusy` for one
 * that belongs to a process that still runs: that one ends it.
 */
export async function closeById(around: Surroundings, id: string, signal?: AbortSignal): Promise<CloseReport> {
  const folder = sessionFolder(around.home, id);
  // Says that there is none before its lock would make a folder's worth of confusion.
  readMetaIfWhole(folder);
  const lock = await takeLock({
    path: folder.lock,
    doing: "closing the session",
    facts: around.facts,
    waitMs: Number.POSITIVE_INFINITY,
    onWait: (holder) =>
      around.voice.notice(
        `Waiting for process ${holder?.pid ?? "?"}, which is ${holder?.doing ?? "at work on this session"}.`,
      ),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    const meta = healLocked(around, folder);
    refuseIfOwned(around, meta);
    if (!isFinal(meta.state)) return await end(around, folder, meta);
    if (meta.state === "lost") tellMissing(around, meta);
    return { ...closedReport(meta), already: true };
  } finally {
    lock.release();
    await dismissKeeper(around, folder);
  }
}

async function end(around: Surroundings, folder: SessionFolder, meta: SessionMeta): Promise<CloseReport> {
  if (isUnopened(meta)) return closedReport(await finishUnopened(around, folder, meta));
  try {
    return await closeLocked(await attachToSave(around, folder, meta), "close");
  } catch (error) {
    if (!isGlueError(error, "sandboxGone")) throw error;
    return closedReport(await finishGone(around, folder, meta, error));
  }
}

function readMetaIfWhole(folder: SessionFolder): void {
  try {
    readMeta(folder);
  } catch (error) {
    // A damaged one is mended under the lock.
    if (!isGlueError(error, "sessionDamaged")) throw error;
  }
}
