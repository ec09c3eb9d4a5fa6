import { copyFileSync, statSync } from "node:fs";
import { isGlueError } from "../spec/glue-error.ts";
import { replaceFile } from "./atomic-file.ts";
import { readEvents } from "./events.ts";
import { takeLock } from "./lock.ts";
import { printMeta, type SessionMeta } from "./meta.ts";
import { readBackup, readMeta } from "./read-meta.ts";
import type { Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** How long a damaged record waits for whoever may just be writing it. */
const WAIT_MS = 5_000;

/**
 * Reads a session's record and mends it where it is damaged: the version before it takes its place, brought up to date by the log; the
 * damaged file is kept beside it, and people are told. That version may be a step behind, which is why nothing trusts a state without asking the sandbox.
 * Throws as `readMeta` does where there is nothing to mend it with.
 */
export async function readOrHeal(around: Surroundings, folder: SessionFolder): Promise<SessionMeta> {
  try {
    return readMeta(folder);
  } catch (error) {
    if (!isMendable(error) || readBackup(folder) === undefined) throw error;
  }
  const lock = await takeLock({
    path: folder.lock,
    doing: "mending the session's record",
    facts: around.facts,
    waitMs: WAIT_MS,
  });
  try {
    return healLocked(around, folder);
  } finally {
    lock.release();
  }
}

/** The same for a holder of the session's lock. */
export function healLocked(around: Surroundings, folder: SessionFolder): SessionMeta {
  try {
    return readMeta(folder);
  } catch (error) {
    const backup = isMendable(error) ? readBackup(folder) : undefined;
    if (backup === undefined || !isGlueError(error)) throw error;
    const mended = withLog(folder, backup);
    const kept = `${folder.meta}.damaged`;
    if (statSync(folder.meta, { throwIfNoEntry: false }) !== undefined) copyFileSync(folder.meta, kept);
    replaceFile(folder.meta, printMeta(mended), true);
    around.voice.warn(
      `${error.message} It was put back to how it was at ${mended.stateAt} (${mended.state}); the damaged file is kept as ${kept}.`,
    );
    return mended;
  }
}

/** What the session's log says beyond an older record: above all that it was open, and where. */
function withLog(folder: SessionFolder, backup: SessionMeta): SessionMeta {
  const last = readEvents(folder.events)
    .events.filter((event) => event.type === "session")
    .at(-1);
  if (last === undefined || last.at < backup.stateAt) return backup;
  return { ...backup, state: last.state, stateAt: last.at, handle: last.handle ?? backup.handle };
}

/** Torn, foreign or gone: only the version before it can help. A record of a newer glue is in order and left alone. */
function isMendable(error: unknown): boolean {
  return isGlueError(error, "sessionDamaged") || isGlueError(error, "sessionNotFound");
}
