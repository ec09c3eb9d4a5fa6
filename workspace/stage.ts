/** Staging: brings a snapshot into a sandbox by the first way that works there, and says which way it was and what stayed behind. */
import { open } from "node:fs/promises";
import type { Progress } from "../runtimes/contract.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import type { PreparedSnapshot, ReadyTree } from "./snapshot-prepare.ts";
import type { StagedBase, StageReport, Strategy } from "./snapshot-types.ts";
import { stageArchive } from "./stage-archive.ts";
import { stageAtOnce } from "./stage-at-once.ts";
import { cloneInside, makeDelta, planClone } from "./stage-clone.ts";
import { sizeText } from "./stage-notes.ts";
import { describeStaged } from "./stage-report.ts";
import { probeSandbox, type SandboxTools, type StageTarget, type Unpacking, unpackBase } from "./stage-script.ts";
import { bundlePath, bundleSource, inPieces, send, sendBundle } from "./stage-send.ts";
import type { StagedUnits } from "./stage-units.ts";
import { fileSource } from "./transfer.ts";
import { embeddedPaths } from "./units.ts";

export type { StageTarget } from "./stage-script.ts";

export interface StageOptions {
  /** The largest bundle that is sent in one upload, in bytes; left out where the runtime has no such limit. */
  readonly bundleCapBytes?: number;
  /** True for a sandbox that was made for this session: most of them have git, and none has a repository. */
  readonly fresh?: boolean;
  /** False: a repository that an earlier session left is taken over as it is, without what changed on the host. Default true. */
  readonly update?: boolean;
  /** Only these ways are tried, for instance in tests; all that fit where it is left out. */
  readonly only?: readonly Strategy[];
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** `base` is for meta.json and all that comes after; `report` for people and for meta.json. */
export interface Staged {
  readonly base: StagedBase;
  readonly report: StageReport;
}

/** Strategies that were passed over, while the right one is looked for. */
export type PassedOver = StageReport["passedOver"][number];

/** What every way of staging is given. */
export interface StageRun {
  readonly target: StageTarget;
  readonly options: StageOptions;
  readonly tools: SandboxTools;
  readonly passedOver: PassedOver[];
  /** When staging began, in milliseconds of a clock that only goes forward. */
  readonly startedAt: number;
}

/**
 * Stages a prepared tree. Waits for the snapshot where it is not ready yet.
 * @throws GlueError what `takeSnapshot` throws, `stageFailed`, `cloneFailed`, `transferFailed`, and what the ports throw.
 */
export async function stageTree(
  target: StageTarget,
  prepared: PreparedSnapshot,
  options: StageOptions = {},
): Promise<Staged> {
  const startedAt = performance.now();
  const early = options.fresh === true && options.only === undefined ? await prepared.ready : undefined;
  if (early !== undefined) {
    const [done] = await Promise.all([stageAtOnce(target, early, options), saveBundle(early)]);
    if (done !== undefined) {
      const run = { target, options, tools: done.tools, passedOver: [], startedAt };
      return describe(run, early, "bundle", done.bytesSent);
    }
  }
  const [ready, tools] = await Promise.all([prepared.ready, probeSandbox(target, options.signal)]);
  const run: StageRun = { target, options, tools, passedOver: [], startedAt };
  if (ready === undefined) {
    const { stageWithoutHostGit } = await import("./stage-without-host-git.ts");
    return await stageWithoutHostGit(run, prepared);
  }
  if (tools.repository) {
    const { resumeTree } = await import("./stage-resume.ts");
    return await resumeTree(run, ready, prepared);
  }
  const [staged] = await Promise.all([stageReady(run, ready), saveBundle(ready)]);
  return staged;
}

/** The bundles are what a landing starts from, so they must outlive a loss of power from now on. */
async function saveBundle(ready: ReadyTree): Promise<void> {
  for (const unit of ready.units) if (unit.ready !== undefined) await saveBundle(unit.ready);
  const file = await open(ready.bundle.path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function stageReady(run: StageRun, ready: ReadyTree): Promise<Staged> {
  const strategies = strategiesFor(run, ready);
  for (const [at, strategy] of strategies.entries()) {
    const isLast = at === strategies.length - 1;
    try {
      const bytesSent = await WAYS[strategy](run, ready);
      if (bytesSent !== undefined) return await withUnits(run, ready, strategy, bytesSent);
    } catch (error) {
      if (isLast || !isGlueError(error, "cloneFailed")) throw error;
      const hint = error.hint === undefined ? {} : { hint: error.hint };
      run.passedOver.push({ strategy, reason: error.message, ...hint });
    }
  }
  const reasons = run.passedOver.map(({ strategy, reason }) => `${strategy}: ${reason}`).join("; ");
  throw new GlueError("stageFailed", `No way to bring the tree into the sandbox: ${reasons}.`);
}

export type Way = "bundle" | "clone" | "chunked" | "archive";

/** The ways that can work here, the first choice first. */
function strategiesFor(run: StageRun, ready: ReadyTree): Way[] {
  const { options, tools } = run;
  const all: Way[] = [];
  const unable = unableGit(tools, ready);
  const cap = options.bundleCapBytes;
  if (unable !== undefined) {
    run.passedOver.push({ strategy: "bundle", reason: unable });
    all.push("archive");
  } else if (cap === undefined || ready.bundle.size <= cap) {
    all.push("bundle");
  } else {
    const size = `the bundle has ${sizeText(ready.bundle.size)}, one upload takes ${sizeText(cap)}`;
    run.passedOver.push({ strategy: "bundle", reason: size });
    all.push("clone", "chunked");
  }
  const { only } = options;
  if (only === undefined) return all;
  const forced: Way[] = ["bundle", "clone", "chunked", "archive"];
  return forced.filter((strategy) => only.includes(strategy));
}

/** Why the sandbox's git cannot hold this repository; undefined where it can. */
function unableGit(tools: SandboxTools, ready: ReadyTree): string | undefined {
  if (tools.git === undefined) return "the sandbox has no git";
  const [major = 0, minor = 0] = tools.git.split(".").map(Number);
  const needed = neededGit(ready);
  return major > 2 || (major === 2 && minor >= needed)
    ? undefined
    : `the sandbox's git ${tools.git} is older than 2.${needed}`;
}

/** The git 2.x that the sandbox must have: 17 knows every option that the scripts use, 29 repositories that count in SHA-256. */
export function neededGit({ taken }: ReadyTree): number {
  return taken.snapshot.base.objectFormat === "sha256" ? 29 : 17;
}

/** Each returns the bytes it sent, or undefined (with a reason in `passedOver`) where it does not fit. */
export const WAYS: Readonly<Record<Way, (run: StageRun, ready: ReadyTree) => Promise<number | undefined>>> = {
  async bundle(run, ready) {
    const sent = await sendBundle(run.target, ready, run.options);
    await unpack(run, ready, unpacking(ready, sent.path));
    return sent.bytes;
  },

  async clone(run, ready) {
    const plan = await planClone(ready.taken);
    if (typeof plan === "string") {
      run.passedOver.push({ strategy: "clone", reason: plan });
      return undefined;
    }
    run.options.progress?.({ what: `cloning ${plan.url} in the sandbox` });
    await cloneInside(run.target, plan, ready.taken.snapshot.base.objectFormat, run.options.signal);
    const delta = await makeDelta(ready.taken, plan.commit, run.options.signal);
    if (delta === undefined) {
      await unpack(run, ready, unpackingAll(ready, null));
      return 0;
    }
    try {
      const path = bundlePath(run.target);
      const source = fileSource(delta.path, delta.size);
      const sent = await send(run, source, path, "uploading what the remote lacks");
      await unpack(run, ready, unpackingAll(ready, path));
      return sent;
    } finally {
      delta.remove();
    }
  },

  async chunked(run, ready) {
    const path = bundlePath(run.target);
    const sent = await inPieces(run, bundleSource(ready), path, "uploading the snapshot in pieces");
    await unpack(run, ready, unpackingAll(ready, path));
    return sent;
  },

  archive: stageArchive,
};

async function unpack({ target, options }: StageRun, ready: ReadyTree, what: Unpacking): Promise<void> {
  tellUnpacking(ready, options);
  await unpackBase(target, what, options.signal);
}

export function tellUnpacking({ taken }: ReadyTree, { progress }: StageOptions): void {
  progress?.({ what: "unpacking in the sandbox", total: taken.snapshot.files, unit: "files" });
}

/** How the bundle of a tree is unpacked that lies at `path` in the sandbox, with the index of its pack where there is one. */
export function unpacking(ready: ReadyTree, path: string): Unpacking {
  const { packIndex } = ready.bundle;
  return { ...unpackingAll(ready, path), ...(packIndex === undefined ? {} : { packIndex }) };
}

/** The same for any bundle, or for objects that are there already. */
function unpackingAll({ taken }: ReadyTree, bundle: string | null): Unpacking {
  const { base, headRef, includeCommit, ignoreRules, units, included } = taken.snapshot;
  return { base, headRef, includeCommit, included: [...included, ...embeddedPaths(units)], ignoreRules, bundle };
}

/** The repositories inside come after the one around them, and only where git in the sandbox can hold them. */
async function withUnits(run: StageRun, ready: ReadyTree, strategy: Way, bytesSent: number): Promise<Staged> {
  if (ready.units.length === 0) return describe(run, ready, strategy, bytesSent);
  const { stageUnits } = await import("./stage-units.ts");
  const { units, notes, bytes } = await stageUnits(run, ready, strategy);
  return describe(run, ready, strategy, bytesSent + bytes, { units, notes });
}

/** What is recorded of a tree that went in this way. */
export function describe(
  run: StageRun,
  ready: ReadyTree,
  strategy: Strategy,
  bytesSent: number,
  inner: Pick<StagedUnits, "units" | "notes"> = { units: [], notes: [] },
): Staged {
  return describeStaged(run, {
    snapshot: { ...ready.taken.snapshot, units: inner.units },
    unitNotes: inner.notes,
    base: ready.taken.snapshot.base,
    leftOut: ready.leftOut,
    hostGit: ready.git,
    bundleSize: ready.bundle.size,
    strategy,
    bytesSent,
  });
}
