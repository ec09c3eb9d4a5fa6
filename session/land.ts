import { GlueError } from "../spec/glue-error.ts";
import type { Landed } from "../workspace/land.ts";
import { lookAtChange } from "../workspace/land-check.ts";
import { checkOut } from "../workspace/land-checkout.ts";
import type { Flag } from "../workspace/land-flags.ts";
import { type LandedAll, landAll } from "../workspace/land-units.ts";
import type { StagedBase } from "../workspace/snapshot-types.ts";
import { hasAnyChange } from "../workspace/units.ts";
import { changePlace } from "./capture.ts";
import { takeLock } from "./lock.ts";
import type { SessionMeta } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import { recordChange } from "./record.ts";
import type { Surroundings } from "./session.ts";
import { stagedBase } from "./staged.ts";
import type { SessionFolder } from "./store.ts";

export interface LandOptions {
  /** A folder of the repository to land in, absolute; the session's own where it is left out. */
  readonly target?: string;
  /** Without `refs/heads/`; `glue/<id>` where it is left out. */
  readonly branch?: string;
  /** Switch the working tree of the target to the branch. */
  readonly checkout: boolean;
}

export interface LandReport extends LandedAll {
  readonly checkedOut: boolean;
}

/**
 * Lands the captured change of a session as a branch, under the session's lock, and records that it did. Errors of `land` and
 * `checkOut` pass through; a branch that was made stays also when it could not be checked out.
 */
export async function landSession(
  around: Surroundings,
  folder: SessionFolder,
  options: LandOptions,
): Promise<LandReport> {
  const lock = await takeLock({ path: folder.lock, doing: "landing its change", facts: around.facts, waitMs: 10_000 });
  try {
    const meta = readMeta(folder);
    const base = capturedBase(folder, meta);
    const place = changePlace(around.home, folder.id, folder.path, base);
    const target = options.target ?? base.host.top;
    const landed = await landAll({
      ...place,
      sessionId: folder.id,
      target,
      ...(options.branch === undefined ? {} : { branch: options.branch }),
    });
    const landedAt = new Date(around.now()).toISOString();
    recordChange(around, folder, meta, { landedAt, landing: allFacts(landed) });
    if (options.checkout) await checkOut({ target, landed: checkable(landed), base, home: around.home.root });
    return { ...landed, checkedOut: options.checkout };
  } finally {
    lock.release();
  }
}

/** Longer lists are cut in the record; the repository itself has all of it. */
const LISTED = 1_000;

function checkable({ outer, units }: LandedAll): Landed {
  if (outer !== undefined) return outer;
  const paths = units.map(({ path }) => path).join(", ");
  throw new GlueError("landRefused", `The change landed in ${paths} alone, so there is nothing to check out here.`, {
    hint: "Check the branch out there: git -C FOLDER checkout BRANCH",
  });
}

/** What meta.json keeps of a landing. */
function allFacts(landed: LandedAll): Record<string, unknown> {
  const units = landed.units.map((unit) => ({ path: unit.path, kind: unit.kind, ...landingFacts(unit) }));
  return {
    ...(landed.outer === undefined ? {} : landingFacts(landed.outer)),
    ...(units.length === 0 ? {} : { units }),
  };
}

function landingFacts(landed: Landed): Record<string, unknown> {
  const { branch, commit, tree, gitDir, idsKept, why, rewritten, converted } = landed;
  return {
    branch,
    commit,
    tree,
    gitDir,
    idsKept,
    why,
    rewritten: rewritten.slice(0, LISTED),
    converted: converted.slice(0, LISTED),
  };
}

export interface LandCheck extends LandedAll {
  readonly flags: readonly Flag[];
}

/** What `landSession` would do, without `checkout`, and what of the change deserves a look. Errors as `landSession`; nothing is written. */
export async function checkLanding(
  around: Surroundings,
  folder: SessionFolder,
  options: Omit<LandOptions, "checkout">,
): Promise<LandCheck> {
  const lock = await takeLock({ path: folder.lock, doing: "checking its change", facts: around.facts, waitMs: 10_000 });
  try {
    const base = capturedBase(folder, readMeta(folder));
    const place = changePlace(around.home, folder.id, folder.path, base);
    const { target = base.host.top, branch } = options;
    const request = {
      ...place,
      sessionId: folder.id,
      target,
      check: true,
      ...(branch === undefined ? {} : { branch }),
    };
    const landed = await landAll(request);
    return { ...landed, flags: await lookAtChange(place) };
  } finally {
    lock.release();
  }
}

/** The base of a session whose change is on this machine. `nothingToLand` says why it is not, otherwise. */
export function capturedBase(folder: SessionFolder, meta: SessionMeta): StagedBase {
  const { id, capture, mode } = meta;
  const base = stagedBase(meta);
  // The file decides: a later capture that failed does not take away what an earlier one brought.
  if (base !== undefined && hasAnyChange({ sessionDir: folder.path, gitDir: "", base })) return base;
  if (mode === "direct") {
    throw new GlueError("nothingToLand", `Session ${id} worked on your files directly: its changes are there already.`);
  }
  if (capture === undefined) {
    throw new GlueError("nothingToLand", `The change of session ${id} has not been captured yet.`, {
      hint: `glue session close ${id} captures it and ends the session.`,
    });
  }
  if (capture.status === "nothing") throw new GlueError("nothingToLand", `Session ${id} changed nothing.`);
  throw new GlueError(
    "nothingToLand",
    `The change of session ${id} is not on this machine: ${capture.message ?? "its files are gone"}.`,
  );
}
