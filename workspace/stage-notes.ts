/** What was taken and what stayed behind, in sentences. */
import type { LeftOut, NestedUnit, StagedBase, Strategy } from "./snapshot-types.ts";

const HOW: Readonly<Record<Strategy, string>> = {
  resume: "the sandbox had it",
  bundle: "as a bundle",
  clone: "by a clone inside the sandbox",
  chunked: "as a bundle, in pieces",
  archive: "as an archive, because git is missing on one side",
};

/** A size for people; a megabyte is a million bytes. */
export function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** A sentence each, in the order to show them. */
export function stageNotes(
  base: StagedBase,
  bytesSent: number,
  files: number,
  unitNotes: readonly string[] = base.units.map((unit) => leftUnitNote(unit, "git is missing on one side")),
): string[] {
  const sent = `${sizeText(bytesSent)} sent`;
  const work = base.dirty ? ", uncommitted work included" : "";
  return [
    `Staged ${count(files, "file")}${work}: ${HOW[base.strategy]}, ${sent}.`,
    ...(base.included.length === 0
      ? []
      : [`Ignored but opted in by .worktreeinclude: ${list(base.included)}. They do not come back.`]),
    ...unitNotes,
    ...leftOutNotes(base.leftOut),
  ];
}

/** What a unit is called. */
export function unitName({ kind, path }: Pick<NestedUnit, "kind" | "path">): string {
  return `${kind === "submodule" ? "submodule" : "repository inside the tree"} ${path}`;
}

/** Of a unit whose contents stay behind; `why` they do, where they could travel. */
export function leftUnitNote(unit: NestedUnit, why: string): string {
  if (unit.kind === "submodule" && unit.head === null)
    return `Left out: ${unitName(unit)}, which is not checked out here.`;
  return `Left out: ${unitName(unit)}: ${why}.`;
}

/** Of a unit that travelled, with what stayed behind of it. */
export function unitNotes(unit: NestedUnit, base: StagedBase, bytesSent: number, files: number): string[] {
  const work = base.dirty ? ", uncommitted work included" : "";
  const included = base.included.length === 0 ? [] : [`Opted in by .worktreeinclude: ${list(base.included)}.`];
  return [
    `With it: ${unitName(unit)}, ${count(files, "file")}${work}, ${sizeText(bytesSent)} sent.`,
    ...[...included, ...leftOutNotes(base.leftOut)].map((note) => `In ${unit.path}: ${note}`),
  ];
}

/** What stayed behind; nothing where all travels. */
export function leftOutNotes(left: LeftOut): string[] {
  const { ignored, special, unreadable, emptyFolders, sparse } = left;
  const notes: string[] = [];
  const kinds = [
    ...(ignored.files > 0 ? [count(ignored.files, "file")] : []),
    ...(ignored.folders > 0 ? [count(ignored.folders, "folder")] : []),
  ];
  if (kinds.length > 0) notes.push(`Left out: ignored, ${kinds.join(" and ")} (${list(ignored.examples, 3)}).`);
  if (special.length > 0) notes.push(`Left out: ${list(special.map(({ kind, path }) => `${path} (${kind})`))}.`);
  if (unreadable.length > 0) notes.push(`Left out: not readable, ${list(unreadable)}.`);
  if (emptyFolders.count > 0) {
    notes.push(
      `Left out: ${count(emptyFolders.count, "empty folder")} (${list(emptyFolders.paths, 3)}); git does not carry any.`,
    );
  }
  if (sparse.count > 0) {
    notes.push(`Left out: ${count(sparse.count, "path")} that the sparse checkout does not have on disk.`);
  }
  return notes;
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}

function list(items: readonly string[], most = 10): string {
  const shown = items.slice(0, most).join(", ");
  return items.length > most ? `${shown}, … (${items.length})` : shown;
}
