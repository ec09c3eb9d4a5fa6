/** The snapshot: the exact tree of the host at one moment, as a commit that can be shipped. Nothing of the user's is written. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import type { HostTree } from "../runtimes/contract.ts";
import { commitTree, type Included, includeIgnored } from "./include.ts";
import { pathText, UNCOMMITTED_WORK } from "./layout.ts";
import { compareWithHead } from "./snapshot-converted.ts";
import {
  dropIndex,
  type Filled,
  fillIndex,
  keepIndex,
  openIndex,
  type PrivateIndex,
  writeTree,
} from "./snapshot-index.ts";
import { findLeftOut } from "./snapshot-leftout.ts";
import {
  chooseRemote,
  gitDirOf,
  type HostEnv,
  readRepository,
  type UserRepository,
  userGit,
  withoutCredentials,
} from "./snapshot-repository.ts";
import { openStore, replaceFile, type Store } from "./snapshot-store.ts";
import { listTracked, NOTHING_TRACKED, parseTracked, type Tracked } from "./snapshot-tracked.ts";
import type { BaseCommit, LeftOut, Snapshot } from "./snapshot-types.ts";
import { type TakenUnit, takeUnits } from "./snapshot-units.ts";

export interface SnapshotOptions {
  /** `$GLUE_HOME`, absolute. */
  readonly glueHome: string;
  readonly signal?: AbortSignal;
  /** The environment git runs with; the process's own where it is left out. */
  readonly hostEnv?: HostEnv;
  /** Repositories inside the tree are only named, by what they have checked out: their contents do not matter. */
  readonly unitsByName?: boolean;
  /** Told the top of every repository inside the tree before it is read. */
  readonly onUnit?: (top: string) => void;
}

/** A snapshot by the host's git. */
export interface TakenSnapshot {
  readonly snapshot: Snapshot & { readonly base: BaseCommit };
  readonly store: Store;
  readonly repository: UserRepository | undefined;
  /** The repositories inside the tree, in the order of `snapshot.units`. */
  readonly units: readonly TakenUnit[];
  /** Still being found out while the bundle is made; that of the units, too. */
  readonly leftOut: Promise<LeftOut>;
}

/**
 * Takes the snapshot of a tree with the host's git.
 * @throws GlueError `gitMissing`, `bareRepository`, `snapshotFailed` (a tracked file that cannot be read), `gitFailed`, `homeUnusable`.
 */
export async function takeSnapshot(tree: HostTree, options: SnapshotOptions): Promise<TakenSnapshot> {
  const { repository, tracked } = await readUserSide(tree.top, options.hostEnv);
  const store = openStore(options.glueHome, tree.top, repository, options.hostEnv);
  const index = await openIndex(store, tracked, options.signal);
  try {
    const take = (top: string) => {
      options.onUnit?.(top);
      return takeSnapshot({ top, subfolder: "", outsideGitDirs: [] }, options);
    };
    const contents = options.unitsByName ? {} : { take };
    const common = { top: tree.top, ...contents, hostEnv: options.hostEnv };
    const modules = await takeUnits({ ...common, kind: "submodule", found: tracked.gitlinks, after: 0 });
    const filled = await fillIndex(index, tree.top, linked(tracked, modules));
    const nested = filled.embedded.map((path) => ({ path, id: null }));
    const others = await takeUnits({ ...common, kind: "embedded", found: nested, after: modules.length });
    const [rawTree, included] = await Promise.all([writeTree(index), includeIgnored(store, index, tree.top)]);
    const units = [...modules, ...others];
    const files = countEntries(index);
    const found: Found = { tree, store, repository, tracked, filled, included, rawTree, units, files };
    const described = describe(found, index);
    const leftOut = startLeftOut(found, index, described);
    // It is awaited later, after the bundle; until then a failure is nobody's yet.
    leftOut.catch(() => undefined);
    return { snapshot: await described, store, repository, units, leftOut };
  } catch (error) {
    dropIndex(index);
    throw error;
  }
}

interface Found {
  readonly tree: HostTree;
  readonly store: Store;
  readonly repository: UserRepository | undefined;
  readonly tracked: Tracked;
  readonly filled: Filled;
  readonly included: Included | undefined;
  readonly rawTree: string;
  readonly units: readonly TakenUnit[];
  readonly files: number;
}

async function readUserSide(top: string, hostEnv: HostEnv | undefined) {
  const gitDir = gitDirOf(top);
  if (gitDir === undefined) return { repository: undefined, tracked: NOTHING_TRACKED };
  const [repository, listing] = await Promise.all([
    readRepository(top, gitDir, hostEnv),
    listTracked(userGit(top, gitDir, hostEnv)),
  ]);
  return { repository, tracked: parseTracked(listing, repository.objectFormat, top) };
}

/** Submodules with the commit that their contents travel as: the one that is checked out, or one of its uncommitted work. */
function linked(tracked: Tracked, modules: readonly TakenUnit[]): Tracked["gitlinks"] {
  return tracked.gitlinks.map((link, at) => ({
    ...link,
    id: modules[at]?.unit.base?.commit ?? modules[at]?.unit.head ?? link.id,
  }));
}

/** By path: the commit that is checked out in the submodules that have no uncommitted work. What travels of them may be another one. */
function cleanLinks(units: readonly TakenUnit[]): ReadonlyMap<string, string> {
  return new Map(
    units.flatMap(({ unit: { path, head, base } }) =>
      base === null || base.dirty || head === null ? [] : [[path, head] as const],
    ),
  );
}

/** The leftovers are looked for while others go on; when nobody reads the index any more, it becomes the next session's stat cache. */
async function startLeftOut(found: Found, index: PrivateIndex, described: Promise<unknown>): Promise<LeftOut> {
  try {
    const left = await findLeftOut({
      top: found.tree.top,
      index,
      included: found.included?.paths ?? [],
      unreadable: found.filled.unreadable,
      missing: found.tracked.missing.map(({ path }) => path),
      nested: [...found.filled.embedded, ...found.tracked.gitlinks.map(({ path }) => path)],
    });
    await Promise.all(found.units.map(({ taken }) => taken?.leftOut));
    await described;
    await keepIndex(found.store, index, found.tracked.gitlinks);
    return left;
  } finally {
    dropIndex(index);
  }
}

async function describe(found: Found, index: PrivateIndex): Promise<TakenSnapshot["snapshot"]> {
  const { tree, store, repository, tracked, included, rawTree } = found;
  const [comparison, base] = await Promise.all([
    repository === undefined
      ? { converted: [], dirty: found.files > 0 }
      : compareWithHead({ store, index, repository }, rawTree, tracked.missing, cleanLinks(found.units)),
    makeBase(store, repository, rawTree),
  ]);
  return {
    top: tree.top,
    subfolder: tree.subfolder,
    repository: repository !== undefined,
    gitDir: store.gitDir,
    userGitDir: repository?.gitDir ?? null,
    head: repository?.head ?? null,
    headRef: repository?.headRef ?? null,
    base,
    dirty: comparison.dirty,
    converted: comparison.converted,
    units: found.units.map(({ unit }) => unit),
    included: included?.paths.map(pathText) ?? [],
    includeCommit: included?.commit ?? null,
    ignoreRules: new TextDecoder().decode(repository?.ignoreRules),
    remoteUrl: remoteUrlOf(repository),
    files: found.files,
  };
}

/** Kept and shown, so without credentials. */
function remoteUrlOf(repository: UserRepository | undefined): string | null {
  const remote = repository === undefined ? undefined : chooseRemote(repository.config, repository.headRef);
  return remote === undefined ? null : withoutCredentials(remote.url);
}

/** HEAD itself where its tree is the raw one, else one commit on top of it. */
async function makeBase(store: Store, repository: UserRepository | undefined, tree: string): Promise<BaseCommit> {
  const { objectFormat } = store;
  const head = repository?.head ?? null;
  if (head !== null && repository?.headTree === tree) return { commit: head, tree, parent: null, objectFormat };
  const last = readLast(store);
  if (last?.tree === tree && last.parent === head) return { commit: last.commit, tree, parent: head, objectFormat };
  const parent = head === null ? {} : { parent: head };
  const commit = await commitTree(store.options, { tree, ...parent, message: UNCOMMITTED_WORK });
  replaceFile(join(store.gitDir, LAST), JSON.stringify({ tree, parent: head, commit }));
  return { commit, tree, parent: head, objectFormat };
}

/** The same work as in the session before is the same commit, so that what exists of it is used again. */
const LAST = "glue-last.json";

function readLast(store: Store): { tree: string; parent: string | null; commit: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(store.gitDir, LAST), "utf8"));
  } catch {
    // Missing or torn: a new commit is made.
    return undefined;
  }
}

/** The number of entries stands in the header of an index file, at byte 8. */
function countEntries(index: PrivateIndex): number {
  const header = Buffer.alloc(12);
  let file: number;
  try {
    file = openSync(index.path, "r");
  } catch (error) {
    // git writes no index where there is nothing to put into it.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
  try {
    return readSync(file, header, 0, 12, 0) === 12 ? header.readUInt32BE(8) : 0;
  } finally {
    closeSync(file);
  }
}
