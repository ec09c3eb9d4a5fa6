import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";

/** The folders of glue's own files. All absolute; `sessions` and `cache` exist, mode 0700, once `openHome` has returned. */
export interface Home {
  readonly root: string;
  readonly sessions: string;
  /** Safe to delete at any time. */
  readonly cache: string;
}

/** Where glue keeps its files: `$GLUE_HOME`, else `~/.glue`. Makes nothing. */
export function homeAt(env: Readonly<Record<string, string | undefined>> = process.env): Home {
  const chosen = env.GLUE_HOME;
  const root = chosen === undefined || chosen === "" ? join(env.HOME || homedir(), ".glue") : chosen;
  const absolute = isAbsolute(root) ? root : resolve(root);
  return { root: absolute, sessions: join(absolute, "sessions"), cache: join(absolute, "cache") };
}

/** The same, with its folders made where they are missing. `homeUnusable` when that cannot be. */
export function openHome(env?: Readonly<Record<string, string | undefined>>): Home {
  const home = homeAt(env);
  for (const folder of [home.root, home.sessions, home.cache]) makeFolder(folder);
  return home;
}

/** Makes one private folder; one that is there already is as good. Its parents are made only for the home itself. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700, recursive: true });
  } catch (cause) {
    throw homeError(cause, path);
  }
}

/** Says of a failed system call on a file below the home what is wrong with the home; anything else is passed on as it is. */
export function homeError(cause: unknown, path: string): unknown {
  if (isGlueError(cause) || !(cause instanceof Error)) return cause;
  const code = (cause as NodeJS.ErrnoException).code;
  const why = code === undefined ? undefined : REASONS[code];
  if (why === undefined) return cause;
  return new GlueError("homeUnusable", `glue cannot write ${path}: ${why}.`, {
    hint: "Mend that, or set GLUE_HOME to a folder that can be written.",
    cause,
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENOENT: "it does not exist and cannot be made",
  ENOTDIR: "a part of the path is not a folder",
  EEXIST: "something that is not a folder is in the way",
  EIO: "the disk reports an error",
  ELOOP: "a symbolic link leads in a circle",
};
