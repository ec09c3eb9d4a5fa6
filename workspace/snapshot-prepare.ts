/** Snapshot and bundle together, begun before the sandbox exists so that both are ready when it is. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { HostTree, Progress } from "../runtimes/contract.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { type BundleFile, makeBundle } from "./bundle.ts";
import { gitVersion } from "./git.ts";
import { hostGitDir, SESSION_FILES } from "./layout.ts";
import { type SnapshotOptions, type TakenSnapshot, takeSnapshot } from "./snapshot.ts";
import { discardStore } from "./snapshot-store.ts";
import type { LeftOut, NestedUnit } from "./snapshot-types.ts";
import { UNITS } from "./units.ts";

export interface PrepareOptions extends SnapshotOptions {
  /** The session's folder on the host, absolute; `base.bundle` is written there. */
  readonly sessionDir: string;
  readonly progress?: Progress;
}

/** A tree ready to be staged by the host's git. */
export interface ReadyTree {
  readonly taken: TakenSnapshot;
  readonly leftOut: LeftOut;
  readonly bundle: BundleFile;
  /** The host's git version. */
  readonly git: string;
  readonly units: readonly ReadyUnit[];
}

/** A repository inside the tree; `ready` is undefined where its contents stay behind. */
export interface ReadyUnit {
  readonly unit: NestedUnit;
  readonly ready: ReadyTree | undefined;
}

export interface PreparedSnapshot {
  readonly tree: HostTree;
  readonly options: PrepareOptions;
  /** Undefined where the host has no git: then the tree is read when it is staged. Rejects as `takeSnapshot` does. */
  readonly ready: Promise<ReadyTree | undefined>;
  /** Stops what is under way and removes what was made, when it is not needed any more. Never rejects. */
  discard(): Promise<void>;
}

/** Begins the snapshot and its bundle. Returns at once; `ready` may be awaited late, its failure is not lost. */
export function prepareSnapshot(tree: HostTree, options: PrepareOptions): PreparedSnapshot {
  const stop = new AbortController();
  const signals = options.signal === undefined ? [stop.signal] : [stop.signal, options.signal];
  const ready = prepare(tree, { ...options, signal: AbortSignal.any(signals) });
  // Whoever stages awaits it; until then a failure must not count as unhandled.
  ready.catch(() => undefined);
  const discard = async (): Promise<void> => {
    stop.abort();
    await ready.catch(() => undefined);
    rmSync(join(options.sessionDir, SESSION_FILES.baseBundle), { force: true });
    rmSync(join(options.sessionDir, UNITS), { recursive: true, force: true });
  };
  return { tree, options, ready, discard };
}

async function prepare(tree: HostTree, options: PrepareOptions): Promise<ReadyTree | undefined> {
  const env = options.hostEnv === undefined ? {} : { hostEnv: options.hostEnv };
  const version = gitVersion(env).then((found) => found ?? "");
  const tops = new Set<string>();
  try {
    return await attempt(tree, options, tops, version);
  } catch (error) {
    if (isGlueError(error, "gitMissing")) return undefined;
    if (!isGlueError(error, "gitFailed")) throw error;
    // An object that an earlier snapshot relied on is gone (the user's gc, a partial clone): everything is read again, once.
    for (const top of [tree.top, ...tops]) discardStore(hostGitDir(options.glueHome, top));
    return await attempt(tree, options, tops, version);
  }
}

async function attempt(
  tree: HostTree,
  options: PrepareOptions,
  tops: Set<string>,
  version: Promise<string>,
): Promise<ReadyTree> {
  options.progress?.({ what: "taking a snapshot of the tree" });
  const taken = await takeSnapshot(tree, { ...options, onUnit: (top) => tops.add(top) });
  options.progress?.({ what: "packing the snapshot", total: taken.snapshot.files, unit: "files" });
  rmSync(join(options.sessionDir, UNITS), { recursive: true, force: true });
  return await pack(taken, options.sessionDir, await version, options.signal);
}

/** Bundles of a tree and of the repositories inside it, each in a folder of its own. */
async function pack(
  taken: TakenSnapshot,
  folder: string,
  version: string,
  signal: AbortSignal | undefined,
): Promise<ReadyTree> {
  const path = join(folder, SESSION_FILES.baseBundle);
  rmSync(path, { force: true });
  const [bundle, leftOut] = await Promise.all([makeBundle(taken, path, signal), taken.leftOut]);
  const units: ReadyUnit[] = [];
  for (const { unit, taken: inner } of taken.units) {
    if (unit.base === null || inner === undefined) units.push({ unit, ready: undefined });
    else {
      const own = join(folder, unit.base.folder);
      mkdirSync(own, { recursive: true, mode: 0o700 });
      units.push({ unit, ready: await pack(inner, own, version, signal) });
    }
  }
  return { taken, leftOut, bundle, git: version, units };
}
