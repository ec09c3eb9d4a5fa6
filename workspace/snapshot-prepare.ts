/** Snapshot and bundle together, begun before the sandbox exists so that both are ready when it is. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { HostTree, Progress } from "../runtimes/contract.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { type BundleFile, makeBundle } from "./bundle.ts";
import { gitVersion } from "./git.ts";
import { hostGitDir, SESSION_FILES } from "./layout.ts";
import { type SnapshotOptions, type TakenSnapshot, takeSnapshot } from "./snapshot.ts";
import { discardStore } from "./snapshot-store.ts";
import type { LeftOut } from "./snapshot-types.ts";

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
  };
  return { tree, options, ready, discard };
}

async function prepare(tree: HostTree, options: PrepareOptions): Promise<ReadyTree | undefined> {
  const env = options.hostEnv === undefined ? {} : { hostEnv: options.hostEnv };
  const version = gitVersion(env);
  try {
    return { ...(await attempt(tree, options)), git: (await version) ?? "" };
  } catch (error) {
    if (isGlueError(error, "gitMissing")) return undefined;
    if (!isGlueError(error, "gitFailed")) throw error;
    // An object that an earlier snapshot relied on is gone (the user's gc, a partial clone): everything is read again, once.
    discardStore(hostGitDir(options.glueHome, tree.top));
    return { ...(await attempt(tree, options)), git: (await version) ?? "" };
  }
}

async function attempt(tree: HostTree, options: PrepareOptions): Promise<Omit<ReadyTree, "git">> {
  options.progress?.({ what: "taking a snapshot of the tree" });
  const taken = await takeSnapshot(tree, options);
  options.progress?.({ what: "packing the snapshot", total: taken.snapshot.files, unit: "files" });
  const path = join(options.sessionDir, SESSION_FILES.baseBundle);
  rmSync(path, { force: true });
  const [bundle, leftOut] = await Promise.all([makeBundle(taken, path, options.signal), taken.leftOut]);
  return { taken, leftOut, bundle };
}
