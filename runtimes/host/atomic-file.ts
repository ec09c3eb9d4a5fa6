/** Files that are written whole or not at all: beside their place, then renamed onto it. */
import { constants, promises as fs, type Stats } from "node:fs";
import { showPath } from "../common/file-errors.ts";
import { GlueError } from "../contract.ts";

/** Takes the pieces of a file, in order. */
export type WritePiece = (bytes: Uint8Array) => Promise<void>;

const MAX_LINKS = 40;

/**
 * Replaces the file at `path` by what `produce` writes. The content is on disk before the new name is. Parents are made; a symbolic
 * link is written through; the mode, and as far as the system allows the owner, of a file that is replaced are kept unless `mode`
 * says otherwise. When `produce` fails the old file is whole and nothing of the new one is left.
 */
export async function writeAtomically(
  path: Buffer,
  mode: number | undefined,
  produce: (write: WritePiece) => Promise<void>,
): Promise<void> {
  const target = await throughLinks(path);
  const old = await statOrNothing(target);
  if (old?.isDirectory()) throw new GlueError("isADirectory", `Cannot write ${showPath(path)}: it is a directory`);
  if (old !== undefined && !old.isFile()) {
    throw new GlueError("ioFailed", `Cannot write ${showPath(path)}: it is not a regular file`);
  }
  const folder = parentOf(target);
  if (old === undefined) await makeFolder(folder);
  const temporary = Buffer.concat([folder, Buffer.from(`/.glue-${crypto.randomUUID()}`)]);
  const file = await fs.open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o666);
  try {
    try {
      await produce(async (bytes) => {
        for (let done = 0; done < bytes.length; ) {
          done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
        }
      });
      const own = await file.stat();
      if (old !== undefined && (own.uid !== old.uid || own.gid !== old.gid)) await keepOwner(temporary, old);
      const bits = mode ?? (old === undefined ? undefined : old.mode & 0o7777);
      if (bits !== undefined) await file.chmod(bits);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, target);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
}

/** Makes a folder and its parents. `notADirectory` where something else is in the way. */
export async function makeFolder(path: Buffer): Promise<void> {
  try {
    await fs.mkdir(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    throw new GlueError("notADirectory", `Cannot make ${showPath(path)}: something else is there`, { cause: error });
  }
}

/** Who may not give files away (all but root) replaces them by files of their own, as an editor would. */
async function keepOwner(path: Buffer, old: Stats): Promise<void> {
  try {
    await fs.chown(path, old.uid, old.gid);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) throw error;
  }
}

async function throughLinks(path: Buffer): Promise<Buffer> {
  let target = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    const seen = await lstatOrNothing(target);
    if (!seen?.isSymbolicLink()) return target;
    const link = await fs.readlink(target, { encoding: "buffer" });
    target = link[0] === 0x2f ? link : Buffer.concat([parentOf(target), Buffer.from("/"), link]);
  }
  throw new GlueError("ioFailed", `Cannot write ${showPath(path)}: too many symbolic links`);
}

function parentOf(path: Buffer): Buffer {
  let end = path.length;
  while (end > 1 && path[end - 1] === 0x2f) end--;
  const slash = path.lastIndexOf(0x2f, end - 1);
  return slash <= 0 ? Buffer.from("/") : path.subarray(0, slash);
}

async function statOrNothing(path: Buffer): Promise<Stats | undefined> {
  return fs.stat(path).catch(nothingThere);
}

async function lstatOrNothing(path: Buffer): Promise<Stats | undefined> {
  return fs.lstat(path).catch(nothingThere);
}

/** For `catch`: undefined where there is nothing (a file in the place of a parent included), else the error again. */
export function nothingThere(error: unknown): undefined {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
    return undefined;
  throw error;
}
