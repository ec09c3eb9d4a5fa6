/** What `session apply --check` says. */
import type { LandCheck } from "../session/land.ts";
import type { Flag } from "../workspace/land-flags.ts";
import type { Io } from "./io.ts";

/** Prints the report; resolves to the exit status: 1 where something deserves a look. */
export function reportCheck(io: Io, id: string, landing: LandCheck): number {
  const { branch, commit, tree, commits, idsKept, converted, already, flags } = landing;
  const exact = converted.length === 0;
  const status = flags.length === 0 ? 0 : 1;
  if (io.json) {
    io.outJson({
      schemaVersion: 1,
      id,
      check: true,
      exact: true,
      branch,
      commit,
      tree,
      commits,
      idsKept,
      already,
      flags,
    });
    return status;
  }
  io.out(
    `${already ? "already landed" : `would land ${exact ? "exactly" : "as this repository keeps it"}`} · tree ${tree}\n`,
  );
  io.notice(`  branch ${branch}, ${counted(commits, "commit")} on top of the start`);
  if (!idsKept) io.notice("  its commits would get new ids");
  showFlags(io, flags);
  return status;
}

export function showFlags(io: Io, flags: readonly Flag[]): void {
  for (const { path, sentence } of flags) io.out(`look at ${path}: ${sentence}\n`);
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
