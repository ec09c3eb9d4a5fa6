/** Which paths of a working tree a merged tree changes, and whether each can be changed without losing anything. */
import { lstatSync } from "node:fs";
import { GlueError } from "../spec/glue-error.ts";
import { lookAt } from "./disk-entry.ts";
import type { GitOptions } from "./git.ts";
import { pathBelow } from "./host-file.ts";
import { type Move, parentsOf, strangerIn } from "./in-place-write.ts";
import { pathText } from "./layout.ts";
import { diffTrees, type RawEntry, sides } from "./raw-diff.ts";

export interface InPlacePlan {
  readonly changes: readonly { readonly entry: RawEntry; readonly move: Move }[];
  /** Submodules that the change moves to another commit; they are left alone. */
  readonly submodules: readonly Uint8Array[];
  /** Folders on the way to the paths that are there now, outermost first, with their permission bits. */
  readonly folders: readonly { readonly path: Uint8Array; readonly mode: number }[];
}

/** Looks at every path. `landRefused` with the first one that stands in the way; nothing was touched then. */
export async function planInPlace(options: GitOptions, top: string, from: string, to: string): Promise<InPlacePlan> {
  const entries = await diffTrees(options, from, to);
  const isLink = (entry: RawEntry) => [sides(entry).before, sides(entry).after].some((side) => side?.mode === "160000");
  const changed = entries.filter((entry) => !isLink(entry));
  for (const { path } of changed) refuseGitsOwn(path);
  const goes = new Set(changed.filter((entry) => sides(entry).after === undefined).map(({ path }) => latin(path)));
  const leaving = new Set(
    [...goes]
      .map((path) => lookAt(pathBelow(top, Buffer.from(path, "latin1"))))
      .flatMap((at) => (typeof at === "object" ? [at.stamp] : [])),
  );
  const changes = changed.map((entry) => ({ entry, move: moveFor(top, entry, goes, leaving) }));
  return { changes, submodules: entries.filter(isLink).map(({ path }) => path), folders: foldersOf(top, changed) };
}

function latin(path: Uint8Array): string {
  return Buffer.from(path).toString("latin1");
}

function moveFor(top: string, entry: RawEntry, goes: ReadonlySet<string>, leaving: ReadonlySet<string>): Move {
  const { before, after } = sides(entry);
  const { path } = entry;
  for (const parent of parentsOf(path)) {
    const now = lookAt(pathBelow(top, parent));
    if (now === undefined) break;
    if (now === "folder") continue;
    if (goes.has(latin(parent))) break;
    throw refused(path, `${pathText(parent)} is no folder here`);
  }
  const now = lookAt(pathBelow(top, path));
  if (before === undefined) {
    if (now === "special") throw refused(path, "it is a socket, a pipe or a device here");
    if (now === "folder") {
      const stranger = strangerIn(top, path, goes);
      if (stranger === path) throw refused(path, "here it is an empty folder");
      if (stranger !== undefined) throw refused(path, `here it is a folder, with ${pathText(stranger)} in it`);
    } else if (now !== undefined && !leaving.has(now.stamp)) throw refused(path, "something else has this name here");
    return { path, expect: undefined, to: "staged" };
  }
  if (typeof now !== "object") throw refused(path, "it was changed at this very moment; try again");
  return { path, expect: now, to: after === undefined ? "nothing" : "stagedKeepingMode" };
}

function foldersOf(top: string, changed: readonly RawEntry[]): InPlacePlan["folders"] {
  const found = new Map<string, { path: Uint8Array; mode: number }>();
  for (const { path } of changed) {
    for (const parent of parentsOf(path)) {
      const full = pathBelow(top, parent);
      if (found.has(latin(parent)) || lookAt(full) !== "folder") continue;
      found.set(latin(parent), { path: parent, mode: lstatSync(full).mode & 0o7777 });
    }
  }
  return [...found.values()].toSorted((one, two) => one.path.length - two.path.length);
}

/** What comes back is not trusted: no path of it may reach into a git directory, however a file system spells that. */
function refuseGitsOwn(path: Uint8Array): void {
  const parts = new TextDecoder().decode(path).split("/");
  const bad = parts.some((part) => {
    const plain = part
      .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, "")
      .replace(/[. ]+$/, "")
      .toLowerCase();
    return plain === "" || plain === ".git" || plain === "git~1" || plain.startsWith(".git:");
  });
  if (bad) throw refused(path, "such a name is git's own");
}

function refused(path: Uint8Array, why: string): GlueError {
  return new GlueError("landRefused", `${pathText(path)} cannot be changed in the working tree: ${why}.`, {
    hint: "Nothing was changed. Without --in-place the change lands as a branch.",
  });
}
