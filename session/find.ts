import { realpathSync } from "node:fs";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import type { Home } from "./home.ts";
import { isInside } from "./host-tree.ts";
import type { SessionMeta } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import { notFound, sessionFolder, sessionIds } from "./store.ts";
import { listUnfinished } from "./unfinished.ts";

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
  if (only === undefined) {
    throw new GlueError("sessionNotFound", `No session is open for ${here}.`, {
      hint: "glue session start opens one; -s ID names one of another folder.",
    });
  }
  if (fits.length > 1) {
    throw new GlueError("sessionAmbiguous", `${fits.length} sessions are open for this folder: ${shortList(fits)}.`, {
      hint: "Name one with -s ID.",
    });
  }
  return only;
}

/** The sessions that `session start` opened and nobody closed yet. */
function openSessions(home: Home): SessionMeta[] {
  const metas: SessionMeta[] = [];
  for (const { id } of listUnfinished(home)) {
    try {
      const meta = readMeta(sessionFolder(home, id));
      if (meta.state === "open" && meta.owner.kind === "open") metas.push(meta);
    } catch (error) {
      // A record that cannot be read belongs to no folder that we know of; list and prune report it.
      if (!isGlueError(error)) throw error;
    }
  }
  return metas;
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
