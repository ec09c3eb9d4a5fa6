/**
 * Changes paths of a working tree. Everything new lies ready on the same file system before the first path is touched, so that a full
 * disk stops nothing halfway; each path is replaced in one step, and only while it is still what was looked at.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { GlueError } from "../spec/glue-error.ts";
import { type DiskEntry, lookAt } from "./disk-entry.ts";
import { pathBelow } from "./host-file.ts";
import { pathText } from "./layout.ts";

/** One path that is to change. */
export interface Move {
  readonly path: Uint8Array;
  /** What must be there until the moment of the change. */
  readonly expect: DiskEntry | undefined;
  /** `keep`: the staged file takes the permissions of the one that it replaces, but for the exec bit. */
  readonly to: "staged" | "stagedKeepingMode" | "nothing";
}

/** What of the tree must stay although it becomes empty: folders by their path, bytes as characters. */
export type KeptFolders = ReadonlyMap<string, number>;

/**
 * Does it: first what goes, then what comes from the same path below `staged` (a folder on the same file system, emptied by this).
 * Throws at the first path that is not what was expected or cannot be written; what was done by then stays done.
 */
export function carryOut(top: string, staged: string, moves: readonly Move[], kept: KeptFolders): void {
  for (const { path, expect } of moves) assertSame(top, path, expect, moves);
  const gone = moves.filter(({ to, expect }) => to === "nothing" && expect !== undefined);
  const coming = moves.filter(({ to }) => to !== "nothing");
  const files = new Set(coming.map(({ path }) => latin(path)));
  for (const { path, expect } of gone.toSorted((a, b) => Buffer.compare(b.path, a.path))) {
    assertSame(top, path, expect, []);
    unlinkSync(pathBelow(top, path));
    // A folder that becomes a file has to go first; others may get new files, and stay the folders that they are.
    if (parentsOf(path).some((parent) => files.has(latin(parent)))) removeEmptyParents(top, path, kept);
  }
  for (const move of coming) {
    makeParents(top, move.path, kept);
    const from = pathBelow(staged, move.path);
    if (move.to === "stagedKeepingMode" && move.expect?.kind === "file") takeOver(from, move.expect);
    assertSame(top, move.path, move.expect, []);
    putInPlace(from, pathBelow(top, move.path));
  }
  for (const { path } of gone) removeEmptyParents(top, path, kept);
}

/** Bytes as characters, so that they can be a key whatever they are. */
function latin(path: Uint8Array): string {
  return Buffer.from(path).toString("latin1");
}

/** In one step, also where a part of the tree is a file system of its own: then by way of a neighbor of the path. */
function putInPlace(from: Buffer, to: Buffer): void {
  try {
    renameSync(from, to);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
  }
  const beside = Buffer.concat([to.subarray(0, to.lastIndexOf(SLASH) + 1), Buffer.from(`.glue-${Bun.randomUUIDv7()}`)]);
  try {
    const staged = lookAt(from);
    if (typeof staged === "object" && staged.kind === "link") {
      symlinkSync(readlinkSync(from, { encoding: "buffer" }), beside);
    } else {
      copyFileSync(from, beside);
      if (typeof staged === "object") chmodSync(beside, staged.mode);
    }
    renameSync(beside, to);
  } catch (cause) {
    rmSync(beside, { force: true });
    throw cause;
  }
}

/** A path that is not expected may be there under another spelling of its name, which is about to go (a rename by case). */
function assertSame(top: string, path: Uint8Array, expect: DiskEntry | undefined, moves: readonly Move[]): void {
  const now = lookAt(pathBelow(top, path));
  const stamp = typeof now === "object" ? now.stamp : now;
  if (stamp === expect?.stamp) return;
  if (expect === undefined && now === "folder" && becomesEmpty(path, moves)) return;
  if (expect === undefined && moves.some((move) => move.to === "nothing" && move.expect?.stamp === stamp)) return;
  throw new GlueError("landRefused", `${pathText(path)} was changed at this very moment.`, { hint: "Try again." });
}

/** Whether something below the path goes; that all of it does was looked at before. */
function becomesEmpty(path: Uint8Array, moves: readonly Move[]): boolean {
  const prefix = Buffer.concat([path, SLASH]);
  return moves.some((move) => move.to === "nothing" && prefix.equals(move.path.subarray(0, prefix.length)));
}

const SLASH = Buffer.from("/");

function takeOver(staged: Buffer, replaced: DiskEntry): void {
  const now = lookAt(staged);
  if (typeof now !== "object" || now.kind !== "file") return;
  const runs = (now.mode & 0o100) !== 0;
  const mode = runs ? replaced.mode | ((replaced.mode & 0o444) >> 2) : replaced.mode & ~0o111;
  if (now.uid !== replaced.uid || now.gid !== replaced.gid) giveTo(staged, replaced);
  chmodSync(staged, mode);
}

/** The owner stays who it was where this user may see to that. */
function giveTo(path: Buffer, { uid, gid }: DiskEntry): void {
  try {
    chownSync(path, uid, gid);
  } catch (error) {
    // Only root may; then it belongs to whoever lands it, as after a git checkout.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
  }
}

/**
 * Something in a folder that is not among what goes (paths with bytes as characters): it keeps the folder from becoming a file. An empty
 * folder is somebody's too.
 */
export function strangerIn(top: string, folder: Uint8Array, goes: ReadonlySet<string>): Uint8Array | undefined {
  const names = readdirSync(pathBelow(top, folder), { encoding: "buffer" });
  if (names.length === 0) return folder;
  for (const name of names) {
    const path = Buffer.concat([folder, SLASH, name]);
    const stranger = lookAt(pathBelow(top, path)) === "folder" ? strangerIn(top, path, goes) : path;
    if (stranger !== undefined && !goes.has(latin(stranger))) return stranger;
  }
  return undefined;
}

/** The folders that a path lies in, outermost first. */
export function parentsOf(path: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = path.indexOf(0x2f); at !== -1; at = path.indexOf(0x2f, at + 1)) found.push(path.subarray(0, at));
  return found;
}

function makeParents(top: string, path: Uint8Array, kept: KeptFolders): void {
  for (const parent of parentsOf(path)) {
    const folder = pathBelow(top, parent);
    const now = lookAt(folder);
    if (now === "folder") continue;
    if (now !== undefined) {
      throw new GlueError("landRefused", `${pathText(parent)} is no folder, so ${pathText(path)} cannot be put there.`);
    }
    mkdirSync(folder);
    const mode = kept.get(latin(parent));
    if (mode !== undefined) chmodSync(folder, mode);
  }
}

/** Removes the folders that a path lies in, innermost first, until one is not empty or is to stay. */
export function removeEmptyParents(top: string, path: Uint8Array, kept: KeptFolders): void {
  for (const parent of parentsOf(path).reverse()) {
    if (kept.has(latin(parent))) return;
    try {
      rmdirSync(pathBelow(top, parent));
    } catch (error) {
      // Not empty, gone already, a file by now, or another file system: it stays as it is, and so does what it lies in.
      if (["ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR", "EBUSY"].includes((error as NodeJS.ErrnoException).code ?? ""))
        return;
      throw error;
    }
  }
}
