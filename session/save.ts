import { isGlueError } from "../spec/glue-error.ts";
import { type CaptureReport, capture, recordOf } from "./capture-hook.ts";
import { untilWanted, unwaited } from "./give-way.ts";
import type { LiveSession } from "./live-session.ts";
import { takeLock } from "./lock.ts";
import { readMeta } from "./read-meta.ts";
import { recordChange } from "./record.ts";

/**
 * Makes a checkpoint: brings the change of an open session to this machine without disturbing what runs in it, and records from when it is;
 * the session goes on. Where it could not be had, what was saved before stays, and the report says why. Undefined where there is nothing
 * to save, or the session is not open any more, or another process wants the session while the sandbox keeps us waiting: somebody who wants their
 * work now is not held up by a network that stalls. An abort of `signal` ends it so, too. `sessionBusy` while another process changes the session.
 */
export async function saveChange(session: LiveSession, signal?: AbortSignal): Promise<CaptureReport | undefined> {
  if (session.meta.mode === "direct") return undefined;
  const lock = await takeLock({
    path: session.folder.lock,
    doing: "saving the session's change",
    facts: session.facts,
    waitMs: 0,
  });
  const { over, stop } = untilWanted(lock, signal);
  try {
    session.meta = readMeta(session.folder);
    if (session.meta.state !== "open") return undefined;
    // Nobody waits for it: there is no progress to show.
    const report = await capture(
      { ...session, runtime: unwaited(session.runtime, over), progress: () => undefined },
      "checkpoint",
    );
    if (report.status !== "unavailable") {
      session.meta = recordChange(session, session.folder, session.meta, { checkpoint: recordOf(report) });
    }
    return report;
  } catch (error) {
    if (over.aborted && isGlueError(error, "cancelled")) return undefined;
    throw error;
  } finally {
    stop();
    lock.release();
  }
}
