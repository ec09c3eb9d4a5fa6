/** What the user's repository tracks, read from `git ls-files`: the seed of glue's own index. */
import { concat } from "./bytes.ts";
import { type GitOptions, git } from "./git.ts";
import { lstatIfThere, pathBelow } from "./host-file.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

export interface TrackedEntry {
  readonly path: Uint8Array;
  readonly mode: string;
  readonly id: string;
}

/** The user's index as a list. Entries of a conflict appear once, so that the path counts as tracked. */
export interface Tracked {
  /** Every path that belongs into glue's index, sorted by bytes, as `update-index --index-info` reads it. */
  readonly entries: readonly Uint8Array[];
  /** Where in each entry the path begins. */
  readonly pathAt: number;
  /** Paths that are not on disk on purpose (sparse checkout, skip-worktree). */
  readonly missing: readonly TrackedEntry[];
  readonly gitlinks: readonly TrackedEntry[];
}

const TAB = 0x09;
const SKIP_WORKTREE = 0x53;

/** What a folder without a repository tracks. */
export const NOTHING_TRACKED: Tracked = { entries: [], pathAt: 0, missing: [], gitlinks: [] };

/** The listing that `parseTracked` reads; `options` as for the user's repository. */
export async function listTracked(options: GitOptions): Promise<Uint8Array> {
  return (await git(["ls-files", "--stage", "-t", "-z"], options)).stdout;
}

/** Parses `<tag> <mode> <id> <stage>\t<path>` entries, each ended by NUL. */
export function parseTracked(listing: Uint8Array, objectFormat: ObjectFormat, top: string): Tracked {
  const idLength = objectFormat === "sha256" ? 64 : 40;
  // Without the tag and its space, which --index-info does not know.
  const pathAt = 6 + 1 + idLength + 1 + 1 + 1;
  const stageAt = pathAt - 2;
  const entries: Uint8Array[] = [];
  const missing: TrackedEntry[] = [];
  const gitlinks: TrackedEntry[] = [];
  const onDisk = diskLookup(top);
  let conflict: Uint8Array | undefined;
  for (let from = 0; from < listing.length; ) {
    const to = listing.indexOf(0, from);
    const entry = listing.subarray(from + 2, to + 1);
    const tag = listing[from];
    from = to + 1;
    if (entry[pathAt - 1] !== TAB) throw new Error("git ls-files answered in a form that glue does not know");
    const path = entry.subarray(pathAt, -1);
    if (entry[0] === 0x31 && entry[1] === 0x36) {
      if (conflict === undefined || Buffer.compare(conflict, path) !== 0) gitlinks.push(parsed(entry, path, idLength));
      conflict = path;
    } else if (tag === SKIP_WORKTREE && !onDisk(path)) {
      missing.push(parsed(entry, path, idLength));
    } else if (entry[stageAt] === 0x30) {
      entries.push(entry);
    } else if (conflict === undefined || Buffer.compare(conflict, path) !== 0) {
      conflict = path;
      entries.push(atStageZero(entry, stageAt));
    }
  }
  return { entries, pathAt, missing, gitlinks };
}

function parsed(entry: Uint8Array, path: Uint8Array, idLength: number): TrackedEntry {
  const text = new TextDecoder().decode(entry.subarray(0, 7 + idLength));
  return { path, mode: text.slice(0, 6), id: text.slice(7) };
}

function atStageZero(entry: Uint8Array, stageAt: number): Uint8Array {
  const copy = entry.slice();
  copy[stageAt] = 0x30;
  return copy;
}

/** Whether a path exists. What a sparse checkout leaves out lies in folders that do not exist, so these are remembered. */
function diskLookup(top: string): (path: Uint8Array) => boolean {
  const folders = new Map<string, boolean>();
  const exists = (path: Uint8Array): boolean => lstatIfThere(pathBelow(top, path)) !== undefined;
  return (path) => {
    const slash = path.lastIndexOf(0x2f);
    if (slash === -1) return exists(path);
    const folder = path.subarray(0, slash);
    const key = Buffer.from(folder).toString("latin1");
    let known = folders.get(key);
    if (known === undefined) {
      known = exists(folder);
      folders.set(key, known);
    }
    return known && exists(path);
  };
}

/** The entries whose path is not in `present`; both sorted by bytes, `present` a list of paths each ended by NUL. */
export function entriesNotIn(tracked: Tracked, present: Uint8Array): Uint8Array[] {
  const lacking: Uint8Array[] = [];
  let from = 0;
  for (const entry of tracked.entries) {
    const path = entry.subarray(tracked.pathAt);
    let order = -1;
    while (from < present.length) {
      const to = present.indexOf(0, from) + 1;
      order = Buffer.compare(present.subarray(from, to), path);
      if (order > 0) break;
      from = to;
      if (order === 0) break;
    }
    if (order !== 0) lacking.push(entry);
  }
  return lacking;
}

/** The paths of a NUL-ended list that the user's repository does not track. */
export function pathsNotTracked(paths: readonly Uint8Array[], tracked: Tracked): Uint8Array[] {
  if (paths.length === 0) return [];
  const known = new Set(
    tracked.entries.map((entry) => Buffer.from(entry.subarray(tracked.pathAt, -1)).toString("latin1")),
  );
  return paths.filter((path) => !known.has(Buffer.from(path).toString("latin1")));
}

/** A list for git's `-z --stdin`. */
export function nulList(paths: readonly Uint8Array[]): Uint8Array {
  return concat(paths.flatMap((path) => [path, NUL]));
}

const NUL = new Uint8Array(1);
