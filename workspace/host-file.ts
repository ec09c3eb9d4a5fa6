/** Looking at files of the host by names that are bytes. */
import { lstatSync, type Stats } from "node:fs";

/** `path` below the folder `top`, as the file system takes it. */
export function pathBelow(top: string, path: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${top}/`), path]);
}

/** What is at a path, without following a symbolic link; undefined where nothing is, or where a parent is no folder. */
export function lstatIfThere(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // ELOOP: a parent is a symbolic link to itself.
    if (["ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
