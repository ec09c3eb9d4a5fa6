import { capture } from "./capture-hook.ts";
import { recordOf } from "./close.ts";
import type { LiveSession } from "./live-session.ts";
import { takeLock } from "./lock.ts";
import { readMeta } from "./read-meta.ts";
import { recordChange } from "./record.ts";

/**
 * Brings the change of an open session to this machine without disturbing what runs in it; the session goes on. False where there was
 * nothing new, or it could not be had: then what was saved before stays. `sessionBusy` while another process changes the session.
 */
export async function saveChange(session: LiveSession): Promise<boolean> {
  if (session.meta.mode === "direct") return false;
  const lock = await takeLock({
    path: session.folder.lock,
    doing: "saving the session's change",
    facts: session.facts,
    waitMs: 0,
  });
  try {
    session.meta = readMeta(session.folder);
    if (session.meta.state !== "open") return false;
    const report = await capture(session, "checkpoint");
    if (report.status !== "captured") return false;
    session.meta = recordChange(session, session.folder, session.meta, { capture: recordOf(report) });
    return true;
  } finally {
    lock.release();
  }
}
