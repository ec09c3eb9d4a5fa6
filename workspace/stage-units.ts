/** Brings the repositories inside the tree into the sandbox, each as a repository of its own in its own place. */
import type { ReadyTree, ReadyUnit } from "./snapshot-prepare.ts";
import type { NestedUnit, StagedBase } from "./snapshot-types.ts";
import { describe, type StageRun, WAYS, type Way } from "./stage.ts";
import { leftUnitNote, unitNotes } from "./stage-notes.ts";
import { unitPath } from "./units.ts";

export interface StagedUnits {
  readonly units: readonly NestedUnit[];
  /** For people, in the order of the units. */
  readonly notes: readonly string[];
  /** Bytes sent for all of them. */
  readonly bytes: number;
}

/** `around` is how the repository around them went in; without git in the sandbox they stay behind, and that is said. */
export async function stageUnits(run: StageRun, { units }: ReadyTree, around: Way): Promise<StagedUnits> {
  if (around === "archive") return unstagedUnits(run, units, "the sandbox has no git");
  const staged: NestedUnit[] = [];
  const notes: string[] = [];
  let bytes = 0;
  // One after the other: they are uploaded to the same place.
  for (const one of units) {
    const { unit, ready } = one;
    if (unit.base === null || ready === undefined) {
      staged.push(unit);
      notes.push(leftUnitNote(unit, NOT_READABLE));
      continue;
    }
    const own = within(run, unit);
    const way = fits(run, ready) ? "bundle" : "chunked";
    const sent = (await WAYS[way](own, ready)) ?? 0;
    const inner = await stageUnits(own, ready, way);
    const { base } = describe(own, ready, way, sent, inner);
    staged.push({ ...unit, staged: base });
    notes.push(...unitNotes(unit, base, sent, ready.taken.snapshot.files));
    notes.push(...inner.notes.map((note) => `In ${unit.path}: ${note}`));
    bytes += sent + inner.bytes;
  }
  return { units: staged, notes, bytes };
}

const NOT_READABLE = "its name is not UTF-8, or it is no repository that git can read";

/** Units whose contents stay here. What the repository around them says of their uncommitted work can still be landed. */
export function unstagedUnits(run: StageRun, units: readonly ReadyUnit[], why: string): StagedUnits {
  const staged = units.map(({ unit, ready }) => {
    if (unit.base === null || ready === undefined) return unit;
    const own = within(run, unit);
    const { base } = describe(own, ready, "archive", 0, unstagedUnits(own, ready.units, why));
    return { ...unit, staged: withoutGit(base) };
  });
  return { units: staged, notes: staged.map((unit) => leftUnitNote(unit, why)), bytes: 0 };
}

function withoutGit(base: StagedBase): StagedBase {
  return { ...base, sandbox: { ...base.sandbox, gitDir: null } };
}

function fits({ options }: StageRun, { bundle }: ReadyTree): boolean {
  return options.bundleCapBytes === undefined || bundle.size <= options.bundleCapBytes;
}

/** The same run in the place of the unit: its folder of the workspace, and glue's private folder for it. */
function within(run: StageRun, unit: NestedUnit): StageRun {
  const { paths } = run.target;
  const workspace = `${paths.workspace}/${unitPath(unit)}`;
  const target = {
    executor: run.target.executor,
    workspace: run.target.workspace,
    paths: { ...paths, workspace, private: `${paths.private}/${unit.base?.folder}` },
  };
  return { ...run, target, passedOver: [] };
}
