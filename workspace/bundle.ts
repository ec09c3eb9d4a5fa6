/**
 * The bundle of a snapshot: base and opted-in files, shallow at the base. It is made fast: what the user's packs hold is copied,
 * what has to be compressed anew is spread over the processors, and what was made once is used again.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { writeBundle } from "./bundle-file.ts";
import { joinIndexes } from "./bundle-index.ts";
import { listObjects, type PackedObject, shallowAt } from "./bundle-objects.ts";
import { bundleHead, readBundleHead } from "./capture-bundle.ts";
import { type GitOptions, gitText } from "./git.ts";
import { REFS } from "./layout.ts";
import type { TakenSnapshot } from "./snapshot.ts";
import { homeUnusable, type Store, scratchPath } from "./snapshot-store.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

/** A bundle on the host. */
export interface BundleFile {
  /** Absolute. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** The index of its pack; undefined where whoever unpacks it has to make it. */
  readonly packIndex?: PackIndex;
}

export interface PackIndex {
  /** Where the pack begins in the bundle, in bytes. */
  readonly packAt: number;
  /** The pack's checksum, which names it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Up to this much new content, deltas are looked for; beyond it the search costs more than the bytes it saves. */
const DELTA_BYTES = 24_000_000;
/** From this much new content on, the packs are kept for the next bundle. */
const KEEP_BYTES = 4_000_000;
/** Packs this old belong to no session that is still being staged. Milliseconds. */
const OLD_PACK = 3_600_000;

/**
 * Makes the bundle at `path` (absolute, must not exist). Refs in it: `refs/glue/base` and, with opted-in files, `refs/glue/include`.
 * @throws GlueError `gitFailed` where an object is missing, `homeUnusable` where nothing can be written.
 */
export async function makeBundle(taken: TakenSnapshot, path: string, signal?: AbortSignal): Promise<BundleFile> {
  const { snapshot, store } = taken;
  const folder = join(store.gitDir, "bundles");
  const name = `${snapshot.base.commit}${suffix(snapshot.includeCommit)}.bundle`;
  if (!linkOrCopy(join(folder, name), path)) {
    const scratch = scratchPath(store, "bundle");
    try {
      mkdirSync(scratch, { recursive: true, mode: 0o700 });
      const fresh = await build(taken, scratch, signal);
      if (!linkOrCopy(fresh, path)) throw homeUnusable(fresh, new Error("the bundle vanished"));
      keepNewest(folder, name, fresh);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  const size = statSync(path).size;
  const packIndex = readPackIndex(path, size, `${join(folder, name)}.idx`, snapshot.base.objectFormat);
  return { path, size, ...(packIndex === undefined ? {} : { packIndex }) };
}

/** Only where it belongs to this very pack: another session may have made the bundle anew since. */
function readPackIndex(path: string, size: number, index: string, objectFormat: ObjectFormat): PackIndex | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(index);
  } catch {
    // None was made, or it was dropped meanwhile.
    return undefined;
  }
  const hash = objectFormat === "sha256" ? 32 : 20;
  const name = Buffer.from(readEnd(path, size, hash)).toString("hex");
  const belongs = Buffer.from(bytes.subarray(-2 * hash, -hash)).toString("hex") === name;
  return belongs ? { packAt: readBundleHead(path).packAt, name, bytes } : undefined;
}

function readEnd(path: string, size: number, length: number): Uint8Array {
  const file = openSync(path, "r");
  try {
    const end = new Uint8Array(length);
    readSync(file, end, 0, length, size - length);
    return end;
  } finally {
    closeSync(file);
  }
}

function suffix(includeCommit: string | null): string {
  return includeCommit === null ? "" : `-${includeCommit}`;
}

/** False where there is nothing to link or copy. */
function linkOrCopy(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
  }
  try {
    // Another file system, or one without hard links.
    copyFileSync(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw homeUnusable(to, cause);
  }
}

/** Makes the bundle in the folder `scratch`, where no other session looks; returns its path. */
async function build({ snapshot, store }: TakenSnapshot, scratch: string, signal?: AbortSignal): Promise<string> {
  const { base, includeCommit } = snapshot;
  const refs = [{ id: base.commit, name: REFS.base as string }];
  if (includeCommit !== null) refs.push({ id: includeCommit, name: REFS.include });
  const env = shallowAt(base.commit, join(scratch, "shallow"));
  const options: GitOptions = { ...store.options, env, ...(signal === undefined ? {} : { signal }) };
  const commits = refs.map(({ id }) => id);
  const objects = await listObjects(store, options, commits);
  const made = await makePacks(scratch, options, objects);
  const fresh = join(scratch, "bundle");
  const { objectFormat } = base;
  const size = await writeBundle(fresh, bundleHead({ objectFormat, needs: [], refs }), made.packs, objectFormat);
  const sized = made.packs.map((path) => ({ path, size: statSync(path).size }));
  const index = joinIndexes(sized, readEnd(fresh, size, objectFormat === "sha256" ? 32 : 20), objectFormat);
  if (index !== undefined) writeFileSync(`${fresh}.idx`, index, { mode: 0o600 });
  if (made.work >= KEEP_BYTES) keepPacks(store, made.packs);
  return fresh;
}

interface MadePacks {
  readonly packs: readonly string[];
  /** Bytes that had to be compressed anew. */
  readonly work: number;
}

async function makePacks(scratch: string, options: GitOptions, objects: readonly PackedObject[]): Promise<MadePacks> {
  const work = objects.reduce((sum, object) => sum + (object.work ? object.size : 0), 0);
  const { copied, fresh } = sortOut(objects);
  // Copied objects are not searched for better deltas: git would try every new object with its neighbours among them, which takes
  // longer than copying them all.
  const parts = work <= DELTA_BYTES ? [fresh.flat()] : share(fresh, availableParallelism());
  const packs = [
    pack(scratch, options, copied, QUICK),
    ...parts.map((part) => pack(scratch, options, part, effort(work))),
  ];
  return { packs: (await Promise.all(packs)).filter((path) => path !== undefined), work };
}

/** New objects, each with those whose deltas end at it: a delta is only copied into a pack that holds what it stands on. */
function sortOut(objects: readonly PackedObject[]): { copied: PackedObject[]; fresh: PackedObject[][] } {
  const fresh = new Map<string, PackedObject[]>();
  for (const object of objects) if (object.work) fresh.set(object.root, []);
  const copied: PackedObject[] = [];
  for (const object of objects) (fresh.get(object.root) ?? copied).push(object);
  return { copied, fresh: [...fresh.values()] };
}

const QUICK = ["--window=0"];

/** How `pack-objects` is to go about so many new bytes: the fewer, the smaller it makes them. */
function effort(work: number): readonly string[] {
  if (work > DELTA_BYTES) return QUICK;
  return work > KEEP_BYTES ? ["--window=10"] : ["--window=10", "--compression=9"];
}

/** Packs these objects and returns the path, undefined where there are none. */
async function pack(
  scratch: string,
  options: GitOptions,
  objects: readonly PackedObject[],
  how: readonly string[],
): Promise<string | undefined> {
  if (objects.length === 0) return undefined;
  const prefix = join(scratch, "pack");
  const stdin = Buffer.from(`${objects.map(({ line }) => line).join("\n")}\n`, "latin1");
  const args = ["pack-objects", "--quiet", "--delta-base-offset", ...how, prefix];
  return `${prefix}-${await gitText(args, { ...options, stdin })}.pack`;
}

/** Shares groups of objects out so that every part has about the same size. */
function share(groups: readonly PackedObject[][], count: number): PackedObject[][] {
  const sized = groups.map((objects) => ({ objects, size: objects.reduce((sum, { size }) => sum + size, 0) }));
  const parts = Array.from({ length: count }, () => ({ objects: [] as PackedObject[], size: 0 }));
  for (const { objects, size } of sized.sort((a, b) => b.size - a.size)) {
    const least = parts.reduce((best, part) => (part.size < best.size ? part : best));
    least.objects.push(...objects);
    least.size += size;
  }
  return parts.map((part) => part.objects);
}

/** Puts packs where the next bundle finds them, and drops those that they replace. */
function keepPacks(store: Store, packs: readonly string[]): void {
  const folder = join(store.gitDir, "objects", "pack");
  const kept = new Set(packs.map((pack) => basename(pack)));
  for (const pack of packs) {
    // git believes in a pack when it sees the index, so that comes last.
    for (const ending of [".pack", ".idx"]) {
      const from = pack.replace(/\.pack$/, ending);
      renameSync(from, join(folder, basename(from)));
    }
  }
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".pack") || kept.has(name)) continue;
    // Everything that this snapshot needs is in the new packs; a younger one may be in use by another session.
    const age = Date.now() - (statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age < OLD_PACK) continue;
    for (const ending of [".idx", ".rev", ".pack"])
      rmSync(join(folder, name.replace(/\.pack$/, ending)), { force: true });
  }
}

/** Only the newest bundle is worth its space; sessions have theirs by a link of their own. */
function keepNewest(folder: string, name: string, fresh: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    renameSync(fresh, join(folder, name));
    if (existsSync(`${fresh}.idx`)) renameSync(`${fresh}.idx`, join(folder, `${name}.idx`));
    for (const other of readdirSync(folder)) {
      if (!other.startsWith(name)) rmSync(join(folder, other), { force: true });
    }
  } catch (cause) {
    throw homeUnusable(folder, cause);
  }
}
