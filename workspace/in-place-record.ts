/**
 * What a working tree was before a change was merged into it: written down, bytes and all, before the first path is touched. From it
 * everything can be put back, also after a crash halfway.
 */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { blobId, type DiskEntry, lookAt } from "./disk-entry.ts";
import { writeDurably } from "./durable-file.ts";
import { pathBelow } from "./host-file.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

/** A path before and after; paths as `pathText` writes them. */
export interface RecordedPath {
  readonly path: string;
  readonly before: { readonly kind: DiskEntry["kind"]; readonly mode: number; readonly id: string } | null;
  /** As git has it; null where the path went. */
  readonly after: { readonly mode: string; readonly id: string } | null;
}

export interface InPlaceRecord {
  readonly version: 1;
  /** `started`: paths may be before or after, or missing. */
  readonly state: "started" | "done";
  /** The working tree, absolute. */
  readonly top: string;
  readonly objectFormat: ObjectFormat;
  /** The folder in the tree's file system where what is new lies until it is in place. */
  readonly staged: string;
  /** ISO 8601. */
  readonly at: string;
  readonly paths: readonly RecordedPath[];
  /** Folders on the way to those paths that were there before, with their permission bits. */
  readonly folders: readonly { readonly path: string; readonly mode: number }[];
}

/** A record and the folder that it is in; what was there before lies in `before/` under the same paths. */
export interface KeptRecord {
  readonly folder: string;
  readonly record: InPlaceRecord;
}

const NAME = "record.json";

/** The records of a session that can be undone, oldest first. A folder without a record was never begun with, and is dropped. */
export function listRecords(sessionDir: string): KeptRecord[] {
  const root = join(sessionDir, "in-place");
  const names = existsSync(root) ? readdirSync(root).filter((name) => /^\d+$/.test(name)) : [];
  return names
    .sort((one, two) => Number(one) - Number(two))
    .flatMap((name) => {
      const folder = join(root, name);
      if (existsSync(join(folder, NAME))) return [{ folder, record: readRecord(folder) }];
      rmSync(folder, { recursive: true, force: true });
      return [];
    });
}

function readRecord(folder: string): InPlaceRecord {
  try {
    return JSON.parse(readFileSync(join(folder, NAME), "utf8")) as InPlaceRecord;
  } catch (cause) {
    throw new GlueError("sessionDamaged", `${join(folder, NAME)} cannot be read.`, {
      hint: `What was in the tree before lies in ${join(folder, "before")}.`,
      cause,
    });
  }
}

/** A new folder for a record, with a number that none had before. */
export function makeRecordFolder(sessionDir: string): string {
  const root = join(sessionDir, "in-place");
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const last = Math.max(0, ...readdirSync(root).map((name) => Number.parseInt(name, 10) || 0));
  const folder = join(root, String(last + 1));
  mkdirSync(join(folder, "before"), { recursive: true, mode: 0o700 });
  return folder;
}

export async function writeRecord(folder: string, record: InPlaceRecord): Promise<void> {
  await writeDurably(join(folder, NAME), [new TextEncoder().encode(`${JSON.stringify(record)}\n`)]);
}

/** Copies what is at `path` below `from` to the same path below `to`, and waits until it is on the disk. */
export async function copyEntry(from: string, to: string, path: Uint8Array, kind: DiskEntry["kind"]): Promise<void> {
  const target = pathBelow(to, path);
  mkdirSync(Buffer.from(dirname(target.toString("latin1")), "latin1"), { recursive: true, mode: 0o700 });
  rmSync(target, { force: true });
  const source = pathBelow(from, path);
  if (kind === "link") {
    symlinkSync(readlinkSync(source, { encoding: "buffer" }), target);
    return;
  }
  copyFileSync(source, target);
  const file = await open(target, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Whether what is at the path is the recorded one: kind, bytes and, where a file's are asked for, permissions. */
export async function isHeld(
  top: string,
  path: Uint8Array,
  held: { readonly kind: DiskEntry["kind"]; readonly id: string; readonly mode?: number },
  format: ObjectFormat,
): Promise<boolean> {
  const full = pathBelow(top, path);
  const now = lookAt(full);
  if (typeof now !== "object" || now.kind !== held.kind) return false;
  if (held.kind === "file" && held.mode !== undefined && held.mode !== now.mode) return false;
  return (await blobId(full, now.kind, format)) === held.id;
}

/** Where what is new lies until it is in place: on the tree's own file system, and out of sight where that can be. */
export function stagedFolder(top: string, gitDir: string | null): string {
  const near = gitDir !== null && lstatSync(gitDir).dev === lstatSync(top).dev ? gitDir : top;
  return join(near, `.glue-in-place-${Bun.randomUUIDv7().slice(-12)}`);
}
