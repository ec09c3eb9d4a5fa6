/**
 * glue's own git directory for one working tree of the host, in the cache. It reads the user's objects as an alternate and never
 * writes there. Several sessions may use one store at the same time: whatever they change is replaced by renaming.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import type { GitOptions } from "./git.ts";
import { EXACT_BYTES, hostGitDir } from "./layout.ts";
import type { HostEnv, UserRepository } from "./snapshot-repository.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

export interface Store {
  readonly gitDir: string;
  readonly objectFormat: ObjectFormat;
  /** The object folder of the user's repository, where there is one. */
  readonly userObjects: string | undefined;
  /** How git is run on it, with the user's working tree. */
  readonly options: GitOptions;
}

/** Settings of the user that say how the file system behaves; without them git would see changes where there are none. */
const FILE_SYSTEM_KEYS = [
  "core.filemode",
  "core.symlinks",
  "core.ignorecase",
  "core.precomposeunicode",
  "core.trustctime",
];

/** The ignore rules are all in `info/exclude`; nothing here waits for the disk, because all of it can be made again. */
const STORE_CONFIG = [
  "core.bare=false",
  "core.excludesFile=/dev/null",
  "core.untrackedCache=false",
  "core.splitIndex=false",
  "core.fsync=none",
  // Larger files are streamed instead of being held in memory, and no delta is looked for.
  "core.bigFileThreshold=32m",
];

/** Counts up when stores made by an older glue must not be used any more. */
const STORE_VERSION = 1;

/** Opens the store for a tree, made anew where it is missing or belongs to another repository. */
export function openStore(
  glueHome: string,
  top: string,
  repository: UserRepository | undefined,
  hostEnv?: HostEnv,
): Store {
  const gitDir = hostGitDir(glueHome, top);
  const objectFormat = repository?.objectFormat ?? "sha1";
  const files = filesOf(objectFormat, repository);
  if (!isCurrent(gitDir, files)) create(gitDir, files);
  // Rules may change with every session; whoever writes last has read them last.
  replaceFile(join(gitDir, "info", "exclude"), repository?.ignoreRules ?? new Uint8Array(0));
  const options: GitOptions = {
    gitDir,
    workTree: top,
    config: STORE_CONFIG,
    ...(hostEnv === undefined ? {} : { hostEnv }),
  };
  return { gitDir, objectFormat, userObjects: repository?.objectDir, options };
}

/** Deletes the store, so that the next one is made from nothing. */
export function discardStore(gitDir: string): void {
  const aside = `${gitDir}.old-${unique()}`;
  try {
    // First out of the way in one step: another session may be about to open it.
    renameSync(gitDir, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw homeUnusable(gitDir, cause);
  }
  rmSync(aside, { recursive: true, force: true });
}

/** A name that no other process and no earlier call uses. */
export function unique(): string {
  return `${process.pid}-${Bun.randomUUIDv7().slice(-12)}`;
}

/** A private file beside the store's own, for this run alone. */
export function scratchPath(store: Store, name: string): string {
  return join(store.gitDir, "tmp", `${name}-${unique()}`);
}

function filesOf(objectFormat: ObjectFormat, repository: UserRepository | undefined): Record<string, string> {
  const sha256 = objectFormat === "sha256";
  const inherited = FILE_SYSTEM_KEYS.flatMap((key) => {
    const value = repository?.config.get(key);
    return value === undefined ? [] : [`\t${key.slice("core.".length)} = ${/^(true|yes|on|1)$/i.test(value)}\n`];
  });
  const version = `[core]\n\trepositoryformatversion = ${sha256 ? 1 : 0}\n${inherited.join("")}`;
  return {
    HEAD: "ref: refs/heads/none\n",
    config: `${version}${sha256 ? "[extensions]\n\tobjectformat = sha256\n" : ""}`,
    "info/attributes": EXACT_BYTES,
    "objects/info/alternates": repository === undefined ? "" : `${alternate(repository.objectDir)}\n`,
    "glue-store": `${STORE_VERSION}\n`,
  };
}

/** A line of `objects/info/alternates`: quoted where git would read something else into it. */
function alternate(path: string): string {
  if (!/^["#]|\n/.test(path)) return path;
  return `"${path.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}

function isCurrent(gitDir: string, files: Readonly<Record<string, string>>): boolean {
  try {
    return Object.entries(files).every(([name, text]) => readFileSync(join(gitDir, name), "utf8") === text);
  } catch {
    // Missing or damaged: it is made anew.
    return false;
  }
}

function create(gitDir: string, files: Readonly<Record<string, string>>): void {
  const fresh = `${gitDir}.new-${unique()}`;
  try {
    for (const folder of ["objects/info", "objects/pack", "refs", "info", "tmp"]) {
      mkdirSync(join(fresh, folder), { recursive: true, mode: 0o700 });
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(fresh, name), text, { mode: 0o600 });
    discardStore(gitDir);
    renameSync(fresh, gitDir);
  } catch (cause) {
    rmSync(fresh, { recursive: true, force: true });
    // Another session may have been faster: then its store is as good as this one.
    if (!isCurrent(gitDir, files)) throw homeUnusable(gitDir, cause);
  }
}

/** Writes a file so that a reader sees the old or the new one. */
export function replaceFile(path: string, bytes: Uint8Array | string): void {
  const fresh = `${path}.${unique()}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(fresh, bytes, { mode: 0o600 });
    renameSync(fresh, path);
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw homeUnusable(path, cause);
  }
}

/** Nothing in the cache can be written. */
export function homeUnusable(path: string, cause: unknown): GlueError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new GlueError("homeUnusable", `glue cannot write to its cache (${path}): ${why}`, {
    hint: "Free space there, or set GLUE_HOME to another folder.",
    cause,
  });
}
