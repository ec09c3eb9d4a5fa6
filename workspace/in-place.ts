/** Merges a captured change into a working tree as it is now, three-way and byte for byte; the index and HEAD are not touched. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { type ChangeStore, healChangeStore, openChangeStore, type StorePlace, treeOf } from "./capture-store.ts";
import { lookAt } from "./disk-entry.ts";
import { mergedNames, namesMerge, pathsOfTree } from "./folded-names.ts";
import { git } from "./git.ts";
import { pathBelow } from "./host-file.ts";
import { withFilesInTheWay } from "./in-place-ours.ts";
import { type InPlacePlan, planInPlace } from "./in-place-plan.ts";
import {
  copyEntry,
  type InPlaceRecord,
  isHeld,
  type KeptRecord,
  makeRecordFolder,
  stagedFolder,
  writeRecord,
} from "./in-place-record.ts";
import { stampsOf, undoInPlace } from "./in-place-undo.ts";
import { carryOut, type Move } from "./in-place-write.ts";
import { pathBytes, pathText, REFS } from "./layout.ts";
import { diffTrees, sides } from "./raw-diff.ts";
import { dropMergePlace, type MergeConflict, type MergePlace, makeMergePlace, mergeTrees } from "./three-way.ts";
import { treeNow } from "./tree-now.ts";

export interface InPlaceRequest extends StorePlace {
  readonly sessionId: string;
  /** The top of the working tree, absolute and real; a folder without a repository will do. */
  readonly target: string;
  /** `$GLUE_HOME`, absolute. */
  readonly home: string;
  readonly now: Date;
  /** Only looks: nothing is written. */
  readonly check?: boolean;
}

export interface InPlaceResult {
  /** Whether the working tree then is the sandbox's tree, byte for byte. */
  readonly exact: boolean;
  /** The tree of the working tree afterwards; with `check`, what it would be. */
  readonly tree: string;
  /** Paths that were changed, as `pathText` writes them. */
  readonly changed: readonly string[];
  readonly conflicts: readonly MergeConflict[];
  /** Submodules that the change moves to another commit; theirs is to be checked out by hand. */
  readonly submodules: readonly string[];
  /** Paths that something else changed at the same time: they are not what was meant. */
  readonly moved: readonly string[];
  /** What undoes it; undefined where nothing was changed. */
  readonly record?: KeptRecord;
}

/**
 * `nothingToLand`; `landRefused` where a path stands in the way, and then nothing was changed; `ioFailed` where the disk refuses, and
 * then everything is again as it was.
 */
export async function landInPlace(request: InPlaceRequest): Promise<InPlaceResult> {
  try {
    return await landFrom(await openChangeStore(request), request);
  } catch (error) {
    if (!isGlueError(error, "gitFailed")) throw error;
    // The store borrows from folders that may have been cleaned up since; the session's own bundles do not.
    return await landFrom(await healChangeStore(request, { keepChange: true }), request);
  }
}

async function landFrom(store: ChangeStore, request: InPlaceRequest): Promise<InPlaceResult> {
  const captured = store.bundle?.refs.find(({ name }) => name === REFS.captured)?.id;
  if (captured === undefined) throw new GlueError("nothingToLand", `Session ${request.sessionId} holds no change.`);
  const [taken, theirs] = await Promise.all([treeNow(request.target, request.home), treeOf(store.options, captured)]);
  const { base } = store;
  if (taken.store.objectFormat !== base.objectFormat) {
    throw new GlueError(
      "landRefused",
      `The session's repository names objects by ${base.objectFormat}, this one by ${taken.store.objectFormat}.`,
      { hint: "Land in the repository that the session came from, or export the patch." },
    );
  }
  const place = makeMergePlace(join(store.gitDir, `in-place-${Bun.randomUUIDv7()}`), base.objectFormat, [
    join(store.gitDir, "objects"),
    join(taken.store.gitDir, "objects"),
  ]);
  try {
    const change = await diffTrees(place.options, base.tree, theirs);
    const ours = await withFilesInTheWay(place.options, taken.snapshot.base.tree, request.target, change);
    const labels = { ours: "yours", theirs: `glue/${request.sessionId}` };
    const merged = await mergeTrees(place, { base: base.tree, ours, theirs }, labels);
    await refuseMergedNames(place, request.target, ours, merged.tree);
    const plan = await planInPlace(place.options, request.target, ours, merged.tree);
    const found = {
      changed: plan.changes.map(({ entry }) => pathText(entry.path)),
      conflicts: merged.conflicts,
      submodules: plan.submodules.map(pathText),
    };
    const exact = merged.tree === theirs && merged.conflicts.length === 0 && plan.submodules.length === 0;
    if (request.check || plan.changes.length === 0) return { ...found, exact, tree: merged.tree, moved: [] };
    const record = await carry(place, request, plan, merged.tree, taken.snapshot.userGitDir);
    const moved = await movedSince(record);
    return { ...found, exact: exact && moved.length === 0, tree: merged.tree, moved, record };
  } finally {
    dropMergePlace(place);
  }
}

/** Only new names can meet others. */
async function refuseMergedNames({ options }: MergePlace, top: string, ours: string, merged: string): Promise<void> {
  const changes = await diffTrees(options, ours, merged);
  if (changes.every((entry) => sides(entry).before !== undefined)) return;
  const names = mergedNames(top, await pathsOfTree(options, merged));
  if (names !== undefined) throw namesMerge(names, "The change cannot be merged into the working tree");
}

async function carry(
  place: MergePlace,
  { sessionDir, target: top, now }: InPlaceRequest,
  plan: InPlacePlan,
  tree: string,
  userGitDir: string | null,
): Promise<KeptRecord> {
  const folder = makeRecordFolder(sessionDir);
  const record: InPlaceRecord = {
    version: 1,
    state: "started",
    top,
    objectFormat: place.format,
    staged: stagedFolder(top, userGitDir),
    at: now.toISOString(),
    paths: plan.changes.map(({ entry, move }) => {
      const { before, after } = sides(entry);
      const held = move.expect === undefined || before === undefined ? null : { ...move.expect, id: before.id };
      return {
        path: pathText(entry.path),
        before: held === null ? null : { kind: held.kind, mode: held.mode, id: held.id },
        after: after ?? null,
      };
    }),
    folders: plan.folders.map(({ path, mode }) => ({ path: pathText(path), mode })),
  };
  const moves = plan.changes.map(({ move }) => move);
  try {
    await keepBefore(folder, record, plan);
    await stage(place, record.staged, tree, moves);
  } catch (cause) {
    rmSync(record.staged, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    throw untouched(cause);
  }
  try {
    carryOut(top, record.staged, moves, new Map());
    await writeRecord(folder, { ...record, state: "done" });
  } catch (cause) {
    await putBack({ folder, record }, cause);
    throw untouched(cause);
  } finally {
    rmSync(record.staged, { recursive: true, force: true });
  }
  return { folder, record: { ...record, state: "done" } };
}

/** The copies must be what the merge was made from: something else may have written in between. */
async function keepBefore(folder: string, record: InPlaceRecord, { changes }: InPlacePlan): Promise<void> {
  const before = join(folder, "before");
  for (const [at, { entry, move }] of changes.entries()) {
    const held = record.paths[at]?.before ?? null;
    if (move.expect === undefined || held === null) continue;
    await copyEntry(record.top, before, entry.path, move.expect.kind);
    const { kind, id } = held;
    if (await isHeld(before, entry.path, { kind, id }, record.objectFormat)) continue;
    throw new GlueError("landRefused", `${pathText(entry.path)} was changed at this very moment.`, {
      hint: "Try again.",
    });
  }
  await writeRecord(folder, record);
}

/** Lets git write the files, with the bytes of their blobs, below `staged`. */
async function stage(
  { options, gitDir }: MergePlace,
  staged: string,
  tree: string,
  moves: readonly Move[],
): Promise<void> {
  mkdirSync(staged, { recursive: true, mode: 0o700 });
  const index = { ...options, env: { ...options.env, GIT_INDEX_FILE: join(gitDir, "staged") } };
  const wanted = moves.filter(({ to }) => to !== "nothing").flatMap(({ path }) => [path, new Uint8Array(1)]);
  if (wanted.length === 0) return;
  await git(["read-tree", tree], index);
  await git(["checkout-index", "-z", "--stdin", `--prefix=${staged}/`], {
    ...index,
    workTree: staged,
    config: [...(index.config ?? []), "core.bare=false", "core.symlinks=true", "core.protectNTFS=false"],
    stdin: Buffer.concat(wanted),
  });
}

/** What even the way back cannot write stays in the record, from which a later undo goes on. */
async function putBack(kept: KeptRecord, cause: unknown): Promise<void> {
  try {
    await undoInPlace(kept);
  } catch (second) {
    const why = [cause, second]
      .map((error) => (error instanceof Error ? error.message : String(error)))
      .join("; and then: ");
    throw new GlueError("ioFailed", `The working tree could be written to only in part, and not put back: ${why}`, {
      hint: `What was there before is kept in ${join(kept.folder, "before")}. Correct what the message names; glue session apply ID --undo then puts it all back.`,
      cause: second,
    });
  }
}

/** Everything is as it was; the error says so. */
function untouched(cause: unknown): unknown {
  if (isGlueError(cause, "gitFailed") || (cause instanceof Error && "syscall" in cause)) {
    return new GlueError("ioFailed", `The working tree could not be written: ${cause.message}`, {
      hint: "Nothing is changed in it. Correct what the message names, then try again.",
      cause,
    });
  }
  return cause;
}

/** What is not on disk as it was put there, for instance because an editor saved meanwhile. */
async function movedSince({ record }: KeptRecord): Promise<string[]> {
  const moved: string[] = [];
  const fresh = stampsOf(record);
  for (const { path, after } of record.paths) {
    const at = pathBytes(path);
    const kind = after?.mode === "120000" ? "link" : "file";
    const now = lookAt(pathBelow(record.top, at));
    const same =
      after === null
        ? typeof now !== "object" || fresh.has(now.stamp)
        : await isHeld(record.top, at, { kind, id: after.id }, record.objectFormat);
    if (!same) moved.push(path);
  }
  return moved;
}
