import { linkSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { removeIfThere, replaceFile, syncFolder } from "./atomic-file.ts";
import { type Home, homeError } from "./home.ts";
import { isSessionId, newSessionId } from "./id.ts";
import { printMeta, type SessionMeta } from "./meta.ts";

/** The files of one session. All absolute. */
export interface SessionFolder {
  readonly id: string;
  readonly path: string;
  readonly meta: string;
  readonly events: string;
  readonly lock: string;
  /** There once the session had a job. */
  readonly jobs: string;
}

export function sessionFolder(home: Home, id: string): SessionFolder {
  const path = join(home.sessions, id);
  return {
    id,
    path,
    meta: join(path, "meta.json"),
    events: join(path, "events.jsonl"),
    lock: join(path, "lock"),
    jobs: join(path, "jobs"),
  };
}

/** Makes the folder of a new session under an id that no other session of this home has. */
export function makeSessionFolder(home: Home, now: number = Date.now()): SessionFolder {
  for (;;) {
    const folder = sessionFolder(home, newSessionId(now));
    try {
      mkdirSync(folder.path, { mode: 0o700 });
      return folder;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw homeError(cause, folder.path);
    }
  }
}

/**
 * Writes meta.json whole. Only for a holder of the session's lock, so that there is one writer. The version before it stays as
 * `meta.json.bak`: what a torn file is healed from. `durable` for what must survive a loss of power.
 */
export function writeMeta(folder: SessionFolder, meta: SessionMeta, durable: boolean): void {
  const backup = `${folder.meta}.bak`;
  try {
    removeIfThere(backup);
    linkSync(folder.meta, backup);
  } catch {
    // The first version has none before it, and a file system without hard links does without the spare.
  }
  replaceFile(folder.meta, printMeta(meta), durable);
  // A new session is found after a loss of power only when its folder's own name is on the disk as well.
  if (durable && meta.state === "intended") syncFolder(join(folder.path, ".."));
}

/** Tells one version of a record from the next: each is a file of its own. Undefined where there is none. */
export function versionOf(folder: SessionFolder): string | undefined {
  const stat = statSync(folder.meta, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}:${stat.mtimeMs}`;
}

/** The ids of all sessions, oldest first. Folders that are not named like a session are none of ours. */
export function sessionIds(home: Home): string[] {
  return readdirSync(home.sessions).filter(isSessionId).sort();
}

/** There is no session of that id. */
export function notFound(id: string, cause?: unknown): GlueError {
  return new GlueError("sessionNotFound", `There is no session ${id}.`, {
    hint: "glue session list shows those that there are.",
    cause,
  });
}
