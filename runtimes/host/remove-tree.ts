/** Removing folders, whatever modes their owner gave them. */
import { promises as fs } from "node:fs";

/**
 * Removes `path` and all below it, never following a symbolic link. Nothing there is no error. Folders that their owner made
 * read-only (the Go module cache does) are opened up first: they are ours to remove.
 */
export async function removeTree(path: Buffer): Promise<void> {
  try {
    await fs.rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && (error.code === "EACCES" || error.code === "EPERM")))
      throw error;
    await openUp(path);
    await fs.rm(path, { recursive: true, force: true });
  }
}

async function openUp(folder: Buffer): Promise<void> {
  const seen = await fs.lstat(folder);
  if (!seen.isDirectory()) return;
  await fs.chmod(folder, 0o700);
  for (const name of await fs.readdir(folder, { encoding: "buffer" })) {
    await openUp(Buffer.concat([folder, Buffer.from("/"), name]));
  }
}
