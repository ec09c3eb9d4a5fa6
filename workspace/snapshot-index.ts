/**
 * glue's own index: seeded with what the user tracks, then filled from the disk, byte for byte. It is kept as a stat cache for the
 * next snapshot; each snapshot works on a private copy and puts it back by renaming, so sessions do not wait for each other.
 */
import {
  accessSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { concat, splitNul } from "./bytes.ts";
import { type GitOptions, type GitOutput, git, gitText } from "./git.ts";
import { lstatIfThere, pathBelow } from "./host-file.ts";
import { type Store, scratchPath } from "./snapshot-store.ts";
import { entriesNotIn, nulList, pathsNotTracked, type Tracked, type TrackedEntry } from "./snapshot-tracked.ts";

/** One snapshot's own index file. */
export interface PrivateIndex {
  readonly path: string;
  /** How git is run with it. */
  readonly options: GitOptions;
}

/** What filling the index from the disk found beside the files. */
export interface Filled {
  /** Folders with a repository of their own that the outer one does not track. */
  readonly embedded: readonly Uint8Array[];
  /** Untracked files that cannot be read. */
  readonly unreadable: readonly Uint8Array[];
}

const INDEX = "index";

/** A private copy of the stat cache (empty at first) that holds exactly what is tracked or was untracked before. */
export async function openIndex(store: Store, tracked: Tracked, signal?: AbortSignal): Promise<PrivateIndex> {
  const path = scratchPath(store, INDEX);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const options: GitOptions = {
    ...store.options,
    env: { GIT_INDEX_FILE: path },
    ...(signal === undefined ? {} : { signal }),
  };
  const seed = copyIndex(join(store.gitDir, INDEX), path)
    ? await changesSinceLast(options, tracked)
    : { add: tracked.entries, remove: [] };
  const info = [...seed.add, ...seed.remove.map((entry) => removal(entry, store))];
  if (info.length > 0) await git(["update-index", "-z", "--index-info"], { ...options, stdin: concat(info) });
  return { path, options };
}

/** Puts the index back as the stat cache of the next snapshot; without submodules, which are entered anew each time. */
export async function keepIndex(store: Store, index: PrivateIndex, gitlinks: readonly TrackedEntry[]): Promise<void> {
  if (gitlinks.length > 0) {
    const paths = nulList(gitlinks.map(({ path }) => path));
    await git(["update-index", "--force-remove", "-z", "--stdin"], { ...index.options, stdin: paths });
  }
  renameSync(index.path, join(store.gitDir, INDEX));
}

export function dropIndex(index: PrivateIndex): void {
  rmSync(index.path, { force: true });
  rmSync(`${index.path}.lock`, { force: true });
}

/**
 * The copy must be as old as the original: entries that changed at the moment an index was written are looked at again, and git
 * tells them by that time. A hard link is, and git never writes an index in place.
 */
function copyIndex(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
  }
  const { atimeMs, mtimeMs } = statSync(from);
  copyFileSync(from, to);
  // A number of seconds cannot hold nanoseconds; too old is safe.
  utimesSync(to, Math.floor(atimeMs) / 1000, Math.floor(mtimeMs) / 1000);
  return true;
}

async function changesSinceLast(options: GitOptions, tracked: Tracked) {
  const [present, ignored] = await Promise.all([
    git(["ls-files", "-z"], options),
    git(["ls-files", "--cached", "--ignored", "--exclude-standard", "-z"], options),
  ]);
  return {
    add: entriesNotIn(tracked, present.stdout),
    // Untracked then and ignored now, or no longer tracked: they stay behind.
    remove: pathsNotTracked(splitNul(ignored.stdout), tracked),
  };
}

function removal(path: Uint8Array, store: Store): Uint8Array {
  const zeros = "0".repeat(store.objectFormat === "sha256" ? 64 : 40);
  return concat([new TextEncoder().encode(`0 ${zeros}\t`), path, new Uint8Array(1)]);
}

/**
 * Brings the index to the state of the disk.
 * @throws GlueError `snapshotFailed` where a tracked file cannot be read.
 */
export async function fillIndex(index: PrivateIndex, top: string, gitlinks: readonly TrackedEntry[]): Promise<Filled> {
  await setGitlinks(index, top, gitlinks);
  const [updated, listed] = await Promise.all([
    updateTracked(index),
    git(["ls-files", "--others", "--exclude-standard", "-z"], index.options),
  ]);
  // git goes on after a file that it cannot read, and says so on stderr alone.
  if (updated.exitCode !== 0 || /^error: |Permission denied|Input\/output error/m.test(updated.stderr)) {
    throw new GlueError("snapshotFailed", `A tracked file cannot be read: ${updated.stderr.trim()}`, {
      hint: "Make it readable for this user, or remove it from the tree.",
    });
  }
  const others = splitNul(listed.stdout);
  const embedded = others.filter((path) => path.at(-1) === SLASH).map((path) => path.subarray(0, -1));
  const files = embedded.length === 0 ? others : others.filter((path) => path.at(-1) !== SLASH);
  return { embedded, unreadable: await addUntracked(index, top, files) };
}

const SLASH = 0x2f;

/** Takes every tracked file as it is now; exit code and words as of git. */
async function updateTracked(index: PrivateIndex): Promise<GitOutput> {
  const updated = await git(["add", "--update", "--", "."], { ...index.options, okExit: [0, 1, 128] });
  if (updated.exitCode === 0 || !VANISHED.test(updated.stderr)) return updated;
  // Something went between git's two looks at it. update-index looks once, right before it reads, and takes what is gone for deleted.
  let last: GitOutput = updated;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const changed = await git(["diff-files", "--name-only", "-z"], index.options);
    const args = ["update-index", "--remove", "--replace", "-z", "--stdin"];
    last = await git(args, { ...index.options, stdin: changed.stdout, okExit: [0, 1, 128] });
    if (last.exitCode === 0 || !VANISHED.test(last.stderr)) return last;
  }
  return last;
}

/** git's words for a file that went, or became shorter, while it was read. */
const VANISHED = /No such file or directory|unable to stat|short read/;
/** How often a tree that moves is tried again. */
const ATTEMPTS = 20;

async function addUntracked(index: PrivateIndex, top: string, files: readonly Uint8Array[]): Promise<Uint8Array[]> {
  if (files.length === 0) return [];
  try {
    await addFiles(index, files);
    return [];
  } catch (error) {
    if (!isGlueError(error, "gitFailed")) throw error;
    const unreadable = files.filter((path) => !isReadable(top, path));
    if (unreadable.length === 0) {
      throw new GlueError("snapshotFailed", `A file could not be added to the snapshot. ${error.message}`, {
        cause: error,
      });
    }
    const readable = new Set(files);
    for (const path of unreadable) readable.delete(path);
    await addFiles(index, [...readable]);
    return unreadable;
  }
}

async function addFiles(index: PrivateIndex, files: readonly Uint8Array[]): Promise<void> {
  const args = ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"];
  for (let attempt = 1; ; attempt++) {
    try {
      await git(args, { ...index.options, stdin: nulList(files) });
      return;
    } catch (error) {
      if (!isGlueError(error, "gitFailed") || !VANISHED.test(error.message) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** What vanished meanwhile is no obstacle, and a symbolic link is read as such. */
function isReadable(top: string, path: Uint8Array): boolean {
  const full = pathBelow(top, path);
  const stat = lstatIfThere(full);
  if (stat === undefined || stat.isSymbolicLink()) return true;
  try {
    accessSync(full, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Submodules are entered with the commit that is checked out there. They are marked as assumed unchanged, so that git does not go
 * into them: it would start itself there, with the submodule's configuration.
 */
async function setGitlinks(index: PrivateIndex, top: string, gitlinks: readonly TrackedEntry[]): Promise<void> {
  const folders = gitlinks.filter(({ path }) => lstatIfThere(pathBelow(top, path))?.isDirectory() === true);
  if (folders.length === 0) return;
  const info = folders.map(({ mode, id, path }) =>
    concat([new TextEncoder().encode(`${mode} ${id} 0\t`), path, new Uint8Array(1)]),
  );
  await git(["update-index", "-z", "--index-info"], { ...index.options, stdin: concat(info) });
  const paths = nulList(folders.map(({ path }) => path));
  await git(["update-index", "--assume-unchanged", "-z", "--stdin"], { ...index.options, stdin: paths });
}

/** Writes the index as a tree and returns its id. */
export function writeTree(index: PrivateIndex): Promise<string> {
  return gitText(["write-tree"], index.options);
}
