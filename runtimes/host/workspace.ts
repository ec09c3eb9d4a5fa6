/** Files on the host, by the system's own calls. */
import { constants, promises as fs } from "node:fs";
import { showPath } from "../common/file-errors.ts";
import { systemError } from "../common/system-error.ts";
import { type ByteStream, type Entry, GlueError, type SandboxPath, type Workspace } from "../contract.ts";
import { makeFolder, nothingThere, writeAtomically } from "./atomic-file.ts";
import { moveAcross } from "./move-across.ts";
import { removeTree } from "./remove-tree.ts";

const READ_PIECE = 1 << 18;

export class HostWorkspace implements Workspace {
  /** No call travels anywhere; the size only bounds the memory of whoever works in pieces. */
  readonly pieceBytes = 64 * 1024 * 1024;
  readonly #root: Buffer;

  /** `root`: absolute. */
  constructor(root: string) {
    this.#root = Buffer.from(root);
  }

  read(path: SandboxPath, range?: { offset: number; length: number }): Promise<Uint8Array> {
    return this.#try("read", path, async (at) => {
      const file = await openFile(at);
      try {
        if (range === undefined) return new Uint8Array(await file.readFile());
        const bytes = new Uint8Array(range.length);
        let done = 0;
        while (done < range.length) {
          const { bytesRead } = await file.read(bytes, done, range.length - done, range.offset + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return bytes.subarray(0, done);
      } finally {
        await file.close();
      }
    });
  }

  write(path: SandboxPath, bytes: Uint8Array, options?: { mode?: number }): Promise<void> {
    return this.#try("write", path, (at) => writeAtomically(at, options?.mode, (write) => write(bytes)));
  }

  download(path: SandboxPath): Promise<ByteStream> {
    return this.#try("read", path, async (at) => {
      const file = await openFile(at);
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            try {
              const { bytesRead, buffer } = await file.read(new Uint8Array(READ_PIECE), 0, READ_PIECE);
              if (bytesRead > 0) return controller.enqueue(buffer.subarray(0, bytesRead));
            } catch (error) {
              await file.close();
              throw systemError("read", at, error);
            }
            await file.close();
            controller.close();
          },
          cancel: () => file.close(),
        },
        { highWaterMark: 0 },
      );
    });
  }

  upload(path: SandboxPath, bytes: ByteStream, options: { size: number; mode?: number }): Promise<void> {
    return this.#try("write", path, (at) =>
      writeAtomically(at, options.mode, async (write) => {
        let arrived = 0;
        for await (const piece of bytes) {
          arrived += piece.length;
          if (arrived > options.size) break;
          await write(piece);
        }
        if (arrived !== options.size) {
          const seen = arrived > options.size ? "more" : `only ${arrived}`;
          throw new GlueError("transferFailed", `${showPath(at)} was to have ${options.size} bytes; ${seen} came.`);
        }
      }),
    );
  }

  list(path: SandboxPath): Promise<Entry[]> {
    return this.#try("list", path, async (at) => {
      const entries: Entry[] = [];
      for (const name of await fs.readdir(at, { encoding: "buffer" })) {
        const entry = await entryOf(Buffer.concat([at, SLASH, name]), name);
        if (entry !== undefined) entries.push(entry); // else gone since
      }
      return entries;
    });
  }

  stat(path: SandboxPath): Promise<Entry | undefined> {
    return this.#try("look at", path, (at) => entryOf(at, lastName(at)));
  }

  makeDirectory(path: SandboxPath): Promise<void> {
    return this.#try("make", path, makeFolder);
  }

  remove(path: SandboxPath, options?: { recursive?: boolean }): Promise<void> {
    return this.#try("remove", path, async (at) => {
      const seen = await fs.lstat(at).catch(nothingThere);
      if (seen === undefined) return;
      if (!seen.isDirectory()) return fs.rm(at, { force: true });
      if (options?.recursive !== true) {
        throw new GlueError("isADirectory", `Cannot remove ${showPath(at)}: it is a directory`);
      }
      await removeTree(at);
    });
  }

  move(from: SandboxPath, to: SandboxPath): Promise<void> {
    const target = this.#at(to);
    return this.#try("move", from, async (at) => {
      try {
        await fs.rename(at, target);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
        await moveAcross(at, target);
      }
    });
  }

  async #try<T>(what: string, path: SandboxPath, act: (at: Buffer) => Promise<T>): Promise<T> {
    const at = this.#at(path);
    try {
      return await act(at);
    } catch (error) {
      throw systemError(what, at, error);
    }
  }

  #at(path: SandboxPath): Buffer {
    const bytes = typeof path === "string" ? Buffer.from(path) : Buffer.from(path);
    if (bytes.includes(0)) throw new GlueError("optionInvalid", `A path cannot hold a NUL byte: ${showPath(bytes)}`);
    return bytes[0] === 0x2f ? bytes : Buffer.concat([this.#root, SLASH, bytes]);
  }
}

const SLASH = Buffer.from("/");

/** Opens a regular file for reading. Without blocking: a named pipe would hold the call until somebody writes to it. */
async function openFile(path: Buffer): Promise<fs.FileHandle> {
  const file = await fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const seen = await file.stat();
  if (seen.isFile()) return file;
  await file.close();
  if (seen.isDirectory()) throw new GlueError("isADirectory", `Cannot read ${showPath(path)}: it is a directory`);
  throw new GlueError("ioFailed", `Cannot read ${showPath(path)}: it is not a regular file`);
}

async function entryOf(path: Buffer, name: Uint8Array): Promise<Entry | undefined> {
  const seen = await fs.lstat(path).catch(nothingThere);
  if (seen === undefined) return undefined;
  const mode = seen.mode & 0o7777;
  const size = seen.size;
  if (seen.isSymbolicLink()) {
    const linkTarget = new Uint8Array(await fs.readlink(path, { encoding: "buffer" }));
    return { name, type: "symlink", size, mode, linkTarget };
  }
  return { name, type: seen.isFile() ? "file" : seen.isDirectory() ? "directory" : "other", size, mode };
}

function lastName(path: Buffer): Uint8Array {
  let end = path.length;
  while (end > 1 && path[end - 1] === 0x2f) end--;
  return path.subarray(path.lastIndexOf(0x2f, end - 1) + 1, end);
}
