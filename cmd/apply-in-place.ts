/** What `session apply --in-place` and `--undo` say. */

import type { InPlaceReport } from "../session/land-in-place.ts";
import { GlueError } from "../spec/glue-error.ts";
import type { Undone } from "../workspace/in-place-undo.ts";
import type { MergeConflict } from "../workspace/three-way.ts";
import { counted, showFlags } from "./apply-check.ts";
import type { Io } from "./io.ts";

/** Prints the report; resolves to the exit status, `landConflict` is thrown where somebody has to look. */
export function reportInPlace(io: Io, id: string, check: boolean, report: InPlaceReport): number {
  const { exact, tree, changed, conflicts, submodules, moved, flags, top, putBack, record } = report;
  const clean = conflicts.length === 0 && submodules.length === 0 && moved.length === 0;
  const undo = record === undefined ? null : `glue session apply ${id} --undo`;
  const fine = clean && (!check || flags.length === 0);
  if (io.json) {
    const facts = { exact, clean, tree, changed, conflicts, submodules, moved, flags, top };
    io.outJson({ schemaVersion: 1, id, check, ...facts, undo });
    return fine ? 0 : 1;
  }
  if (putBack > 0)
    io.notice(`An earlier call was interrupted halfway; ${counted(putBack, "path")} had been put back first.`);
  if (check || clean) io.out(`${headline(check, report, clean)}\n`);
  if (check) showFlags(io, flags);
  const troubles = [
    ...conflicts.map(describe),
    ...submodules.map((path) => `  ${path}: a submodule; the commit that the change wants is not checked out there`),
    ...moved.map((path) => `  ${path}: was changed at the same time, and is not what was meant`),
  ];
  if (!clean && !check) {
    throw new GlueError(
      "landConflict",
      [`${counted(changed.length, "path")} changed in ${top}, but not all of it fits:`, ...troubles].join("\n"),
      { hint: undo === null ? undefined : `Resolve them, or take it all back: ${undo}` },
    );
  }
  for (const line of troubles) io.out(`${line}\n`);
  if (!check) io.notice(`  ${counted(changed.length, "path")} changed in ${top}; the index and HEAD are as they were`);
  if (undo !== null) io.notice(`  ${undo}`);
  return fine ? 0 : 1;
}

function headline(check: boolean, { exact, changed, tree }: InPlaceReport, clean: boolean): string {
  if (changed.length === 0 && clean) return `already there · tree ${tree}`;
  if (!check) return `${exact ? "applied exactly" : "merged cleanly"} · tree ${tree}`;
  if (!clean) return `would not fit · ${counted(changed.length, "path")} would change`;
  return `would ${exact ? "land exactly" : "merge cleanly"} · ${counted(changed.length, "path")} would change · tree ${tree}`;
}

function describe({ path, kind, theirs }: MergeConflict): string {
  switch (kind) {
    case "content":
      return `  ${path}: both changed the same place; see the markers in it`;
    case "unmergeable":
      return `  ${path}: both changed it and it cannot be merged; yours stays, the session's is ${theirs}`;
    case "deletedHere":
      return `  ${path}: deleted here, changed in the session; the session's is there now`;
    case "deletedThere":
      return `  ${path}: deleted in the session, changed here; yours stays`;
    case "other":
      return `  ${path}: renamed, or file here and folder there; look at both`;
  }
}

export function reportUndone(io: Io, id: string, undone: Undone): number {
  const { top, restored, edited, keptIn } = undone;
  if (io.json) {
    io.outJson({ schemaVersion: 1, id, top, restored, edited, keptIn: keptIn ?? null });
    return 0;
  }
  io.out(`undone · ${counted(restored, "path")} in ${top} as before\n`);
  if (keptIn !== undefined) {
    io.notice(`  edited since it was applied: ${edited.join(", ")}`);
    io.notice(`  what they held is kept in ${keptIn}`);
  }
  return 0;
}
