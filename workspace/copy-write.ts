import { promises as fs } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { showPath } from "../runtimes/common/file-errors.ts";
import { systemError } from "../runtimes/common/system-error.ts";
import { GlueError } from "../spec/glue-error.ts";

/** What is at a path of this machine, itself and not where it leads; undefined where nothing is. */
export async function look(at: Buffer) {
  return await fs.lstat(at).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
}

/** Makes the folders above a path. */
export async function makeParents(at: Buffer): Promise<void> {
  const folder = at.subarray(0, at.lastIndexOf(0x2f));
  if (folder.length > 0) await fs.mkdir(folder, { recursive: true });
}

/**
 * Writes a file beside its place and puts it there whole; a link in its place is replaced, not followed. `mode`: permission bits; `hash`: SHA-256,
 * hexadecimal, of what was written; `size` in bytes.
 */
export async function writeFile(
  at: Buffer,
  mode: number,
  content: () => AsyncIterable<Uint8Array>,
): Promise<{ hash: string; size: number }> {
  const hash = new Bun.CryptoHasher("sha256");
  let size = 0;
  await replaceWith(at, async (fresh) => {
    const file: FileHandle = await open(fresh, "wx", 0o600);
    try {
      for await (const chunk of content()) {
        hash.update(chunk);
        size += chunk.length;
        for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
      }
      await file.chmod(mode & 0o777);
    } finally {
      await file.close();
    }
  });
  return { hash: hash.digest("hex"), size };
}

/** Puts what `make` has made at the path that it gets, beside `at`, in the place of `at`. Nothing of it stays where that fails. */
export async function replaceWith(at: Buffer, make: (fresh: Buffer) => Promise<unknown>): Promise<void> {
  const cut = at.lastIndexOf(0x2f) + 1;
  const fresh = Buffer.concat([at.subarray(0, cut), Buffer.from(`.glue-cp-${crypto.randomUUID().slice(0, 13)}`)]);
  try {
    await make(fresh);
    const seen = await look(at);
    if (seen?.isDirectory()) throw new GlueError("isADirectory", `Cannot write ${showPath(at)}: it is a directory`);
    await fs.rename(fresh, at);
  } catch (error) {
    await fs.rm(fresh, { force: true });
    throw systemError("write", at, error);
  }
}
