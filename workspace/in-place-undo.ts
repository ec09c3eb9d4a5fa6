/** Puts a working tree back to what it was before a change was merged into it. */
import { chmodSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { lookAt } from "./disk-entry.ts";
import { pathBelow } from "./host-file.ts";
import { copyEntry, isHeld, type KeptRecord, listRecords, type RecordedPath } from "./in-place-record.ts";
import { carryOut, type Move, removeEmptyParents, strangerIn } from "./in-place-write.ts";
import { pathBytes } from "./layout.ts";

export interface Undone {
  readonly top: string;
  /** Paths that are again what they were. */
  readonly restored: number;
  /** Paths that were edited after the change was merged, as `pathText` writes them; what they held is kept in `keptIn`. */
  readonly edited: readonly string[];
  /** The folder with those, absolute; undefined where nothing was edited. */
  readonly keptIn?: string;
}

/**
 * Restores every path of the record: bytes, links and permissions. What was written there since is kept beside the record. May be
 * stopped at any moment and begun again. `landRefused` where a folder stands in the way; then nothing is changed.
 */
export async function undoInPlace({ folder, record }: KeptRecord): Promise<Undone> {
  const { top, staged, objectFormat } = record;
  rmSync(staged, { recursive: true, force: true });
  const before = join(folder, "before");
  const made = new Set(record.paths.flatMap(({ path, after }) => (after === null ? [] : [latin(pathBytes(path))])));
  const fresh = stampsOf(record);
  const edited: RecordedPath[] = [];
  const moves: Move[] = [];
  const modes: { path: Uint8Array; mode: number }[] = [];
  for (const entry of record.paths) {
    const path = pathBytes(entry.path);
    const there = lookAt(pathBelow(top, path));
    const now = entry.after === null && typeof there === "object" && fresh.has(there.stamp) ? undefined : there;
    if (entry.before !== null && (await isHeld(top, path, entry.before, objectFormat))) continue;
    if (entry.before === null && (now === undefined || now === "folder")) continue;
    if (now === "special" || (now === "folder" && strangerIn(top, path, made) !== undefined))
      throw inTheWay(entry.path, top);
    const expect = typeof now === "object" ? now : undefined;
    if (expect !== undefined && !(await isAfter(top, path, entry, objectFormat))) edited.push(entry);
    moves.push({ path, expect, to: entry.before === null ? "nothing" : "staged" });
    if (entry.before?.kind === "file") modes.push({ path, mode: entry.before.mode });
  }
  for (const entry of edited) await keepEdited(folder, top, entry);
  const kept = new Map(record.folders.map(({ path, mode }) => [latin(pathBytes(path)), mode]));
  try {
    mkdirSync(staged, { recursive: true, mode: 0o700 });
    for (const { path, to } of moves) {
      if (to === "nothing") continue;
      const entry = lookAt(pathBelow(before, path));
      if (typeof entry !== "object") throw new GlueError("sessionDamaged", `${before} does not hold ${path}.`);
      await copyEntry(before, staged, path, entry.kind);
    }
    for (const { path, mode } of modes) chmodSync(pathBelow(staged, path), mode);
    carryOut(top, staged, moves, kept);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
  // An undo that was stopped may have left folders empty that the change had made.
  for (const { path } of record.paths) removeEmptyParents(top, pathBytes(path), kept);
  for (const [path, mode] of kept) restoreFolder(pathBelow(top, Buffer.from(path, "latin1")), mode);
  if (edited.length === 0) rmSync(folder, { recursive: true, force: true });
  else renameSync(folder, `${folder}.undone`);
  return {
    top,
    restored: moves.length,
    edited: edited.map(({ path }) => path),
    ...(edited.length === 0 ? {} : { keptIn: join(`${folder}.undone`, "edited") }),
  };
}

/** Undoes what a call that was interrupted had begun; resolves to the number of paths that were put back. Errors as `undoInPlace`. */
export async function undoInterrupted(sessionDir: string): Promise<number> {
  let restored = 0;
  for (const kept of listRecords(sessionDir).reverse()) {
    if (kept.record.state === "started") restored += (await undoInPlace(kept)).restored;
  }
  return restored;
}

/**
 * What tells the files apart that the change put in place. Where names fold, a path that went may be answered for by one of them: the
 * new spelling of its name.
 */
export function stampsOf({ top, paths }: KeptRecord["record"]): ReadonlySet<string> {
  return new Set(
    paths.flatMap(({ path, after }) => {
      const now = after === null ? undefined : lookAt(pathBelow(top, pathBytes(path)));
      return typeof now === "object" ? [now.stamp] : [];
    }),
  );
}

function restoreFolder(folder: Buffer, mode: number): void {
  const now = lookAt(folder);
  if (now !== undefined) return;
  mkdirSync(folder);
  chmodSync(folder, mode);
}

/** Bytes as characters, so that they can be a key whatever they are. */
function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

async function isAfter(
  top: string,
  path: Uint8Array,
  { after }: RecordedPath,
  format: KeptRecord["record"]["objectFormat"],
): Promise<boolean> {
  if (after === null) return false;
  return await isHeld(top, path, { kind: after.mode === "120000" ? "link" : "file", id: after.id }, format);
}

async function keepEdited(folder: string, top: string, entry: RecordedPath): Promise<void> {
  const path = pathBytes(entry.path);
  const now = lookAt(pathBelow(top, path));
  if (typeof now !== "object") return;
  await copyEntry(top, join(folder, "edited"), path, now.kind);
}

function inTheWay(path: string, top: string): GlueError {
  return new GlueError("landRefused", `${path} in ${top} was a file and is a folder (or no file at all) by now.`, {
    hint: "Move it away, then undo again. Nothing was changed.",
  });
}
