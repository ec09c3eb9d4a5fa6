import { closeSync, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { homeError } from "./home.ts";

/**
 * Replaces a file so that every reader sees the whole old or the whole new text. `durable` also makes it survive a loss of power:
 * the bytes are on the disk before the name is, and the name before this returns. Only one process may write a path at a time
 * (the session's lock sees to that), so the name of the new file can be a fixed one and a crash leaves at most one behind.
 */
export function replaceFile(path: string, text: string, durable: boolean): void {
  const fresh = `${path}.new`;
  try {
    writeWhole(fresh, text, durable);
    renameSync(fresh, path);
    if (durable) syncFolder(dirname(path));
  } catch (cause) {
    throw homeError(cause, path);
  }
}

function writeWhole(path: string, text: string, durable: boolean): void {
  const bytes = new TextEncoder().encode(text);
  const fd = openSync(path, "w", 0o600);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    if (durable) fsyncSync(fd);
  } catch (cause) {
    removeIfThere(path);
    throw cause;
  } finally {
    closeSync(fd);
  }
}

/** Makes the names in a folder survive a loss of power. */
export function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes a file; one that is not there is no error. */
export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  }
}
