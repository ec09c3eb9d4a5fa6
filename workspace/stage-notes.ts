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
export function stageNotes(base: StagedBase, bytesSent: number, files: number): string[] {
  const sent = `${sizeText(bytesSent)} sent`;
  const work = base.dirty ? ", uncommitted work included" : "";
  return [
    `Staged ${count(files, "file")}${work}: ${HOW[base.strategy]}, ${sent}.`,
    ...(base.included.length === 0
      ? []
      : [`Ignored but opted in by .worktreeinclude: ${list(base.included)}. They do not come back.`]),
    ...base.units.map(unitNote),
    ...leftOutNotes(base.leftOut),
  ];
}

function unitNote({ kind, path }: NestedUnit): string {
  const what = kind === "submodule" ? "submodule" : "repository inside the tree";
  return `Left out: ${what} ${path} (its contents do not travel yet).`;
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
