import { realpathSync } from "node:fs";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import type { Home } from "./home.ts";
import { isInside } from "./host-tree.ts";
import type { SessionMeta } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import { notFound, sessionFolder, sessionIds } from "./store.ts";
import { listUnfinished } from "./unfinished.ts";

/** Records that are read for a message, from the newest on. */
const MOST_LOOKED_AT = 50;

/**
 * The id of the session that is meant: by its id or any unambiguous beginning of it, or, where none is given, the one that is open
 * for the folder the caller stands in. `sessionNotFound` or `sessionAmbiguous` otherwise.
 */
export function findSession(home: Home, given: string | undefined, cwd: string): string {
  return given === undefined ? openFor(home, cwd) : byPrefix(home, given);
}

function byPrefix(home: Home, given: string): string {
  const fits = sessionIds(home).filter((id) => id.startsWith(given));
  const [only] = fits;
  if (fits.includes(given)) return given;
  if (only === undefined || given === "") throw notFound(given);
  if (fits.length > 1) {
    throw new GlueError("sessionAmbiguous", `${fits.length} sessions begin with ${given}: ${shortList(fits)}.`, {
      hint: "Give more of the id.",
    });
  }
  return only;
}

function openFor(home: Home, cwd: string): string {
  const here = realFolder(cwd);
  const around = openSessions(home).filter(({ tree }) => isInside(here, tree.top));
  // A session of the nearest tree comes before one of a tree around it.
  const nearest = Math.max(...around.map(({ tree }) => tree.top.length));
  const fits = around.filter(({ tree }) => tree.top.length === nearest).map(({ id }) => id);
  const [only] = fits;
  if (only === undefined) throw noneOpen(home, here);
  if (fits.length > 1) {
    throw new GlueError("sessionAmbiguous", `${fits.length} sessions are open for this folder: ${shortList(fits)}.`, {
      hint: "Name one with -s ID.",
    });
  }
  return only;
}

/** Somebody whose sandbox died looks for the session that was open a moment ago. */
function noneOpen(home: Home, here: string): GlueError {
  const last = sessionIds(home)
    .slice(-MOST_LOOKED_AT)
    .map((id) => readKnown(home, id))
    .findLast((meta) => meta?.owner.kind === "open" && isInside(here, meta.tree.top));
  if (last?.state !== "lost") {
    return new GlueError("sessionNotFound", `No session is open for ${here}.`, {
      hint: "glue session start opens one; -s ID names one of another folder.",
    });
  }
  return new GlueError("sessionNotFound", `No session is open for ${here}: ${last.id} is lost, its sandbox is gone.`, {
    hint: `glue session show ${last.id} says what of it is saved; glue session start opens a new one.`,
  });
}

/** The sessions that `session start` opened and nobody closed yet. */
function openSessions(home: Home): SessionMeta[] {
  return listUnfinished(home)
    .map(({ id }) => readKnown(home, id))
    .filter((meta) => meta !== undefined)
    .filter((meta) => meta.state === "open" && meta.owner.kind === "open");
}

function readKnown(home: Home, id: string): SessionMeta | undefined {
  try {
    return readMeta(sessionFolder(home, id));
  } catch (error) {
    // A record that cannot be read belongs to no folder that we know of; list and prune report it.
    if (!isGlueError(error)) throw error;
    return undefined;
  }
}

function shortList(ids: readonly string[]): string {
  return ids.slice(0, 5).join(", ") + (ids.length > 5 ? ", …" : "");
}

function realFolder(cwd: string): string {
  try {
    return realpathSync(cwd);
  } catch {
    // Gone since we stand in it; its name is all that is left to go by.
    return cwd;
  }
}
