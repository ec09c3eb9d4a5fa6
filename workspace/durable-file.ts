/** Files that are either whole or not there, and that outlive a loss of power once they are said to be written. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { GlueError } from "../spec/glue-error.ts";

export type Part = Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Writes the parts, one behind the other, under a name beside `path`, and then gives it the name. One writer a path (the session's
 * lock sees to that). Resolves with the size in bytes, which may decide the name (`nameFor`). `ioFailed` where the disk refuses;
 * the old file is then as it was.
 */
export async function writeDurably(
  path: string,
  parts: readonly Part[],
  nameFor: (size: number) => string = () => path,
): Promise<number> {
  const fresh = `${path}.new`;
  try {
    const size = await writeParts(fresh, parts);
    renameSync(fresh, nameFor(size));
    syncFolder(dirname(path));
    return size;
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw ioError(cause, path);
  }
}

/** Removes files, and makes that last; one that is not there is no error. */
export function removeDurably(folder: string, names: readonly string[]): void {
  try {
    for (const name of names) rmSync(`${folder}/${name}`, { force: true });
    syncFolder(folder);
  } catch (cause) {
    throw ioError(cause, folder);
  }
}

async function writeParts(path: string, parts: readonly Part[]): Promise<number> {
  const file = openSync(path, "w", 0o600);
  try {
    let size = 0;
    for (const part of parts) {
      for await (const bytes of part instanceof Uint8Array ? [part] : part) size += writeWhole(file, bytes);
    }
    fsyncSync(file);
    return size;
  } finally {
    closeSync(file);
  }
}

function writeWhole(file: number, bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  return bytes.length;
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function ioError(cause: unknown, path: string): unknown {
  if (!(cause instanceof Error) || !("syscall" in cause)) return cause;
  return new GlueError("ioFailed", `${path} cannot be written: ${cause.message}.`, { cause });
}
