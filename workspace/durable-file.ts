/** Files that are either whole or not there, and that outlive a loss of power once they are said to be written. */
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { GlueError } from "../spec/glue-error.ts";

export type Part = Uint8Array | AsyncIterable<Uint8Array>;

/** A file that is written but does not have its name yet. */
export interface Pending {
  readonly fresh: string;
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Resolves when all its bytes are on the disk; rejects where that failed. */
  readonly onDisk: Promise<void>;
}

/**
 * Writes the parts, one behind the other, beside `path`. One writer a path (the session's lock sees to that). `ioFailed` where the
 * disk refuses; the old file is then as it was.
 */
export async function prepareFile(path: string, parts: readonly Part[]): Promise<Pending> {
  const fresh = `${path}.new`;
  try {
    const size = await writeParts(fresh, parts);
    // Begun at once, because the disk takes its time while the next file is made.
    const onDisk = sync(fresh);
    // Awaited when the file gets its name; until then a failure is nobody's.
    onDisk.catch(() => undefined);
    return { fresh, path, size, onDisk };
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw ioError(cause, path);
  }
}

/**
 * Gives the files their names, in the order given, once all their bytes are on the disk, and removes `gone`. All are in `folder`; it
 * is on the disk too when this resolves.
 */
export async function settleFiles(
  folder: string,
  files: readonly Pending[],
  gone: readonly string[] = [],
): Promise<void> {
  try {
    await Promise.all(files.map(({ onDisk }) => onDisk));
    for (const { fresh, path } of files) renameSync(fresh, path);
    for (const name of gone) rmSync(`${folder}/${name}`, { force: true });
    await sync(folder);
  } catch (cause) {
    throw ioError(cause, folder);
  }
}

/** One file, written and named at once. */
export async function writeDurably(path: string, parts: readonly Part[]): Promise<void> {
  await settleFiles(dirname(path), [await prepareFile(path, parts)]);
}

async function writeParts(path: string, parts: readonly Part[]): Promise<number> {
  const file = openSync(path, "w", 0o600);
  try {
    let size = 0;
    for (const part of parts) {
      for await (const bytes of part instanceof Uint8Array ? [part] : part) size += writeWhole(file, bytes);
    }
    return size;
  } finally {
    closeSync(file);
  }
}

function writeWhole(file: number, bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  return bytes.length;
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What to throw for a failed call of the system; anything else as it is. */
export function ioError(cause: unknown, path: string): unknown {
  if (!(cause instanceof Error) || !("syscall" in cause)) return cause;
  return new GlueError("ioFailed", `${path} cannot be written: ${cause.message}.`, { cause });
}
