import { readFileSync } from "node:fs";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import type { SessionMeta } from "./meta.ts";
import { parseMeta } from "./meta-schema.ts";
import { notFound, type SessionFolder } from "./store.ts";

/** Reads meta.json; takes no lock. `sessionNotFound`, `sessionDamaged` or `versionTooOld` where there is none that can be used. */
export function readMeta(folder: SessionFolder): SessionMeta {
  return parseMeta(readText(folder.meta, folder.id), folder.id);
}

/** The version before the current one, if that can be used. */
export function readBackup(folder: SessionFolder): SessionMeta | undefined {
  try {
    return parseMeta(readFileSync(`${folder.meta}.bak`, "utf8"), folder.id);
  } catch {
    // The spare is only ever asked for when the file itself is broken; that is what gets reported.
    return undefined;
  }
}

function readText(path: string, id: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isGlueError(cause)) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") throw notFound(id, cause);
    throw new GlueError("sessionDamaged", `The record of session ${id} cannot be read (${code ?? "unknown reason"}).`, {
      hint: `Look at ${path}.`,
      cause,
    });
  }
}
