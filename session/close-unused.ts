import { closeLocked } from "./close.ts";
import type { LiveSession } from "./live-session.ts";
import { takeLock } from "./lock.ts";
import { readMeta } from "./read-meta.ts";
import { recordState } from "./record.ts";

/**
 * Closes a session unless it was just used. That it closes is written down before `stillUnused` looks at its log, and a command looks
 * at the record after it wrote into the log, so one of the two always sees the other. True when the session is over.
 */
export async function closeIfUnused(session: LiveSession, stillUnused: () => boolean): Promise<boolean> {
  const lock = await takeLock({
    path: session.folder.lock,
    doing: "closing the idle session",
    facts: session.facts,
    waitMs: 0,
  });
  try {
    const meta = readMeta(session.folder);
    session.meta = meta.state === "open" ? recordState(session, session.folder, meta, "closing") : meta;
    if (meta.state === "open" && !stillUnused()) {
      session.meta = recordState(session, session.folder, meta, "open");
      return false;
    }
    const { problem } = await closeLocked(session, "close", "it was idle");
    if (problem !== undefined) throw problem;
    return true;
  } finally {
    lock.release();
  }
}
