/** Moving where the system cannot rename, because another file system begins on the way. */
import { promises as fs } from "node:fs";
import { showPath } from "../common/file-errors.ts";
import { GlueError } from "../contract.ts";

import { removeTree } from "./remove-tree.ts";

const SLASH = Buffer.from("/");

/** Moves a file, a link or a whole folder onto another file system: the copy is whole before the original goes. */
export async function moveAcross(from: Buffer, to: Buffer): Promise<void> {
  const copy = Buffer.concat([to, Buffer.from(`.glue-${crypto.randomUUID()}`)]);
  try {
    await copyTree(from, copy);
    await fs.rename(copy, to);
  } catch (error) {
    await removeTree(copy);
    throw error;
  }
  await removeTree(from);
}

async function copyTree(from: Buffer, to: Buffer): Promise<void> {
  const seen = await fs.lstat(from);
  if (seen.isSymbolicLink()) return fs.symlink(await fs.readlink(from, { encoding: "buffer" }), to);
  if (seen.isFile()) {
    await fs.copyFile(from, to);
    return fs.chmod(to, seen.mode & 0o7777);
  }
  if (!seen.isDirectory()) {
    throw new GlueError(
      "notSupported",
      `Cannot move ${showPath(from)} to another file system: it is no file, folder or link`,
    );
  }
  await fs.mkdir(to, { mode: 0o700 });
  for (const name of await fs.readdir(from, { encoding: "buffer" })) {
    await copyTree(Buffer.concat([from, SLASH, name]), Buffer.concat([to, SLASH, name]));
  }
  await fs.chmod(to, seen.mode & 0o7777);
}
