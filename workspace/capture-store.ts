/**
 * Where a captured change lives on the host while it is worked with: a git directory of the session's own, with the base and
 * everything that came back. It can be made anew at any time from base.bundle and runtime.bundle.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ByteStream } from "../runtimes/contract.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { type BundleHead, bundlePack, readBundleHead } from "./capture-bundle.ts";
import type { CapturedRef } from "./capture-script.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import { EXACT_BYTES, SESSION_FILES } from "./layout.ts";
import type { BaseCommit, StagedBase } from "./snapshot-types.ts";

/** Names of the files that a capture writes into a session's folder. */
export const CAPTURE_FILES = {
  bundle: "runtime.bundle",
  mbox: "runtime.mbox",
  truncated: "runtime.mbox.truncated",
  meta: "runtime.mbox.meta.json",
} as const;

export interface ChangeStore {
  readonly gitDir: string;
  readonly base: BaseCommit;
  /** How git is run on it. */
  readonly options: GitOptions;
  /** The change as it was captured last; undefined where there is none. */
  readonly bundle: BundleHead | undefined;
}

export interface StorePlace {
  /** The session's folder, absolute. */
  readonly sessionDir: string;
  /** Where the git directory is or shall be, absolute; safe to delete. */
  readonly gitDir: string;
  readonly base: StagedBase;
}

/** Opens the store, made anew where it is missing. `gitMissing` without git here; `sessionDamaged` where a bundle is broken. */
export async function openChangeStore(place: StorePlace): Promise<ChangeStore> {
  const path = join(place.sessionDir, CAPTURE_FILES.bundle);
  return await open(place, existsSync(path) ? readBundleHead(path) : undefined);
}

async function open(place: StorePlace, bundle: BundleHead | undefined): Promise<ChangeStore> {
  const { base } = place.base;
  if (base === null) throw new GlueError("internal", "A session without a base has no store.");
  const store: ChangeStore = { gitDir: place.gitDir, base, options: { gitDir: place.gitDir, config: QUIET }, bundle };
  if (!existsSync(join(place.gitDir, "HEAD"))) await create(place, store);
  return store;
}

/** Whatever is written here can be made again, so nothing waits for the disk. */
const QUIET = ["core.fsync=none", "core.bare=true", "pack.threads=2"] as const;

async function create(place: StorePlace, store: ChangeStore): Promise<void> {
  // Two processes may look at a change at the same time; each makes its own, and either is as good.
  const fresh = `${place.gitDir}.${Bun.randomUUIDv7()}`;
  for (const folder of ["objects/info", "objects/pack", "refs", "info"])
    mkdirSync(join(fresh, folder), { recursive: true, mode: 0o700 });
  const sha256 = store.base.objectFormat === "sha256" ? "[extensions]\n\tobjectFormat = sha256\n" : "";
  writeFileSync(
    join(fresh, "config"),
    `[core]\n\trepositoryFormatVersion = ${sha256 === "" ? 0 : 1}\n\tbare = true\n${sha256}`,
  );
  writeFileSync(join(fresh, "info", "attributes"), EXACT_BYTES);
  writeFileSync(join(fresh, "shallow"), borderLines([store.base.commit, ...bordersOf(store.bundle)]));
  writeFileSync(join(fresh, "HEAD"), "ref: refs/heads/none\n");
  const inFresh: GitOptions = { ...store.options, gitDir: fresh };
  const borrowed = place.base.host.gitDir;
  if (borrowed !== null && existsSync(borrowed)) {
    writeFileSync(join(fresh, "objects", "info", "alternates"), `${alternate(join(borrowed, "objects"))}\n`);
  } else await readBundle(inFresh, join(place.sessionDir, SESSION_FILES.baseBundle));
  if (store.bundle !== undefined) await readBundle(inFresh, join(place.sessionDir, CAPTURE_FILES.bundle));
  try {
    renameSync(fresh, place.gitDir);
  } catch (cause) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(join(place.gitDir, "HEAD"))) throw cause;
  }
}

/** A path as the `alternates` file takes it: quoted where it would be read as a quoted one or a comment. */
function alternate(path: string): string {
  return /^["#]/.test(path) || /[\n"\\]/.test(path) ? JSON.stringify(path) : path;
}

/**
 * Makes the store anew from the session's own files, borrowing nothing: what it borrowed may be gone. Without `keepChange` from
 * base.bundle alone.
 */
export async function healChangeStore(
  place: StorePlace,
  options: { readonly keepChange: boolean },
): Promise<ChangeStore> {
  rmSync(place.gitDir, { recursive: true, force: true });
  const alone = { ...place, base: { ...place.base, host: { ...place.base.host, gitDir: null } } };
  return options.keepChange ? await openChangeStore(alone) : await open(alone, undefined);
}

/** Adds the objects of a bundle. */
async function readBundle(options: GitOptions, path: string): Promise<void> {
  await addPack(options, bundlePack(path));
}

/** Adds a pack, thin or whole; git checks every object of it. */
export async function addPack(options: GitOptions, pack: Uint8Array | Blob | ByteStream): Promise<void> {
  await git(["index-pack", "--stdin", "--fix-thin"], { ...options, stdin: pack });
}

/** Whether everything that `tips` reach, down to what `known` reach, is here. */
export async function isWhole(
  options: GitOptions,
  tips: readonly string[],
  known: readonly string[],
): Promise<boolean> {
  const revisions = [...tips, ...known.map((id) => `^${id}`)].join("\n");
  try {
    await git(["rev-list", "--objects", "--quiet", "--stdin"], { ...options, stdin: `${revisions}\n` });
    return true;
  } catch (error) {
    if (isGlueError(error, "gitFailed")) return false;
    throw error;
  }
}

/** The ids that these names stand for, in the order asked for; undefined where there is no such object. */
export async function idsOf(options: GitOptions, names: readonly string[]): Promise<(string | undefined)[]> {
  const stdin = names.map((name) => `${name}\n`).join("");
  const text = await gitText(["cat-file", "--batch-check=%(objectname)"], { ...options, stdin });
  return text.split("\n").map((line) => (line.endsWith(" missing") ? undefined : line));
}

/** The tree of a commit. */
export async function treeOf(options: GitOptions, commit: string): Promise<string> {
  return await gitText(["rev-parse", "--verify", "--quiet", `${commit}^{tree}`], options);
}

/** Tells the store of commits whose parents did not come along. */
export function addBorders(store: ChangeStore, commits: readonly string[]): void {
  if (commits.length > 0) writeFileSync(join(store.gitDir, "shallow"), borderLines([store.base.commit, ...commits]));
}

function borderLines(commits: readonly string[]): string {
  return [...new Set(commits)].sort().join("\n").concat("\n");
}

/** A bundle names such commits, so that a store made from it knows them too. */
export const BORDER = "refs/glue/border/";

export function borderRefs(commits: readonly string[]): CapturedRef[] {
  return commits.map((id, at) => ({ id, name: `${BORDER}${at + 1}` }));
}

function bordersOf(bundle: BundleHead | undefined): string[] {
  return (bundle?.refs ?? []).filter((ref) => ref.name.startsWith(BORDER)).map((ref) => ref.id);
}
