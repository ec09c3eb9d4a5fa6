import { appendEvent } from "./append-event.ts";
import { GLUE_VERSION, type SessionMeta, type SessionState } from "./meta.ts";
import type { Surroundings } from "./session.ts";
import { type SessionFolder, writeMeta } from "./store.ts";
import { announce, retire } from "./unfinished.ts";

/** What of meta.json changes together with the state. */
export type Changes = Partial<Omit<SessionMeta, "formatVersion" | "glueVersion" | "id" | "state" | "stateAt">>;

/**
 * Writes the first record of a session that is about to be created: on the disk for good before anything is asked for, unless there
 * will be nothing to find after a loss of power (`fleeting`).
 */
export function recordIntent(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  fleeting = false,
): SessionMeta {
  announce(around.home, meta, undefined);
  writeMeta(folder, meta, !fleeting);
  return meta;
}

/**
 * Records that a session enters a state, before what the state stands for is begun. Only for a holder of the session's lock.
 * Synced to the disk where the state is one that a later process must find again after a loss of power.
 */
export function recordState(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  state: SessionState,
  changes: Changes = {},
): SessionMeta {
  // A note is on how a session came to one state, and goes with it.
  const { note: _, ...rest } = meta;
  const next: SessionMeta = {
    ...rest,
    ...changes,
    glueVersion: GLUE_VERSION,
    state,
    stateAt: new Date(around.now()).toISOString(),
  };
  announce(around.home, next, meta);
  writeMeta(folder, next, mustLast(next));
  retire(around.home, next, meta);
  return next;
}

/** Records a change of meta.json that is no new state. Only for a holder of the session's lock. */
export function recordChange(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  changes: Changes,
): SessionMeta {
  const next = { ...meta, ...changes, glueVersion: GLUE_VERSION };
  announce(around.home, next, meta);
  writeMeta(folder, next, true);
  retire(around.home, next, meta);
  return next;
}

/**
 * A session of one process that works on the user's files directly has no more to tell after a loss of power than that it was begun;
 * every other state is one that a later process goes by.
 */
function mustLast(meta: SessionMeta): boolean {
  return meta.owner.kind === "open" || meta.mode === "copy";
}

/** Notes in the session's log that it entered a state. */
export function logState(around: Surroundings, folder: SessionFolder, meta: SessionMeta): void {
  const { host, boot, startOf } = around.facts;
  appendEvent(folder.events, {
    at: meta.stateAt,
    type: "session",
    state: meta.state,
    by: { host, boot, pid: process.pid, pidStart: startOf(process.pid) ?? "unknown" },
    ...(meta.note === undefined ? {} : { note: meta.note }),
    ...(meta.state === "open" ? { handle: meta.handle } : {}),
  });
}
