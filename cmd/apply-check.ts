/** What `session apply --check` says. */
import type { LandCheck } from "../session/land.ts";
import type { Landed } from "../workspace/land.ts";
import type { Flag } from "../workspace/land-flags.ts";
import type { LandedUnit } from "../workspace/land-units.ts";
import type { Io } from "./io.ts";

/** Prints the report; resolves to the exit status: 1 where something deserves a look. */
export function reportCheck(io: Io, id: string, landing: LandCheck): number {
  const { outer, flags, units } = landing;
  const status = flags.length === 0 ? 0 : 1;
  if (io.json) {
    io.outJson({
      schemaVersion: 1,
      id,
      check: true,
      exact: true,
      branch: outer?.branch ?? null,
      commit: outer?.commit ?? null,
      tree: outer?.tree ?? null,
      commits: outer?.commits ?? 0,
      idsKept: outer?.idsKept ?? true,
      already: outer?.already ?? false,
      units: units.map(unitReport),
      flags,
    });
    return status;
  }
  if (outer !== undefined) wouldLand(io, outer, "");
  for (const unit of units) wouldLand(io, unit, `${unit.path}: `);
  showFlags(io, flags);
  return status;
}

function wouldLand(io: Io, landing: Landed, where: string): void {
  const { branch, tree, commits, idsKept, converted, already } = landing;
  const how = converted.length === 0 ? "exactly" : "as this repository keeps it";
  io.out(`${where}${already ? "already landed" : `would land ${how}`} · tree ${tree}\n`);
  io.notice(`  branch ${branch}, ${counted(commits, "commit")} on top of the start`);
  if (!idsKept) io.notice("  its commits would get new ids");
}

/** What tools are told of a repository inside the tree. */
export function unitReport(unit: LandedUnit): Record<string, unknown> {
  const { path, kind, branch, commit, tree, commits, idsKept, why, converted, already, gitDir, leftInBundle } = unit;
  return { path, kind, branch, commit, tree, commits, idsKept, why, converted, already, gitDir, leftInBundle };
}

export function showFlags(io: Io, flags: readonly Flag[]): void {
  for (const { path, sentence } of flags) io.out(`look at ${path}: ${sentence}\n`);
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
