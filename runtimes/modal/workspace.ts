import { fileError, showPath } from "../common/file-errors.ts";
import { parseListing, parseStat } from "../common/listing.ts";
import { type ByteStream, type Entry, GlueError, type SandboxPath, type Workspace } from "../contract.ts";
import { INPUT_PIECE, RunningExec, runScript } from "./exec.ts";
import { filesOf, type Place, WORKSPACE } from "./place.ts";
import type { Sidecar } from "./sidecar.ts";

/** Looks at a folder that changes while it is listed. */
const LIST_TRIES = 5;
/** For what may walk a large tree. */
const LONG_SECONDS = 3_600;
/** The tools' words are read. */
const AROUND = 'export LC_ALL=C; file=$1; shift; . "$file"';

/**
 * Files in the sandbox, by its own tools, so that permissions, links and mounts mean what they mean to a command. (The SDK's file calls
 * lose names that are no UTF-8, have no ranges and promise no atomic write.)
 */
export class ModalWorkspace implements Workspace {
  /** Streams of any length pass in one call; the size only bounds what is sent again after a failure. */
  readonly pieceBytes = 256 * 1024 * 1024;
  readonly #sidecar: Sidecar;
  readonly #place: Place;

  constructor(sidecar: Sidecar, place: Place) {
    this.#sidecar = sidecar;
    this.#place = place;
  }

  async read(path: SandboxPath, range?: { offset: number; length: number }): Promise<Uint8Array> {
    const words = range === undefined ? ["read"] : ["range", String(range.offset), String(range.length)];
    if (range?.length === 0) return new Uint8Array();
    const parts: Uint8Array[] = [];
    for await (const part of await this.#content(absolute(path), words)) parts.push(part);
    return new Uint8Array(Buffer.concat(parts));
  }

  download(path: SandboxPath): Promise<ByteStream> {
    return this.#content(absolute(path), ["read"]);
  }

  async write(path: SandboxPath, bytes: Uint8Array, options: { mode?: number } = {}): Promise<void> {
    let sent = false;
    const once = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (!sent && bytes.length > 0) controller.enqueue(bytes);
        else controller.close();
        sent = true;
      },
    });
    await this.upload(path, once, { ...options, size: bytes.length });
  }

  async upload(path: SandboxPath, bytes: ByteStream, options: { size: number; mode?: number }): Promise<void> {
    const at = absolute(path);
    const { size, mode } = options;
    const words = ["write", encode(at), String(size), crypto.randomUUID(), mode === undefined ? "" : mode.toString(8)];
    const running = await RunningExec.start(this.#sidecar, this.#argv(words), { stdin: true, timeout: LONG_SECONDS });
    let arrived = 0;
    let unsent: unknown;
    try {
      let read = true;
      try {
        for await (const piece of gathered(bytes)) {
          // One byte too many is enough for the other side to see that it is wrong.
          read = await running.write(piece.subarray(0, size - arrived + 1));
          arrived += piece.length;
          if (arrived > size || !read) break;
        }
      } catch (error) {
        unsent = error;
      }
      // A source that fails after its last byte has failed all the same.
      if (read) await running.write(new Uint8Array(unsent !== undefined && arrived === size ? 1 : 0), true);
      while ((await running.next()) !== undefined);
      if ((await running.ended) === 0) return;
      const notWhole = /not whole/.test(running.stderr);
      if (notWhole && unsent !== undefined) throw unsent;
      if (notWhole && arrived !== size) {
        const seen = arrived > size ? "more" : `only ${arrived}`;
        throw new GlueError("transferFailed", `${showPath(at)} was to have ${size} bytes; ${seen} came.`);
      }
      throw fileError("write", at, running.stderr);
    } finally {
      running.release();
    }
  }

  async list(path: SandboxPath): Promise<Entry[]> {
    const at = absolute(path);
    for (let tries = 0; tries < LIST_TRIES; tries++) {
      const entries = parseListing(await this.#run("list", at, ["list", encode(at)]));
      if (entries !== undefined) return entries;
    }
    throw new GlueError("ioFailed", `Cannot list ${showPath(at)}: it changes all the time`);
  }

  async stat(path: SandboxPath): Promise<Entry | undefined> {
    const at = absolute(path);
    try {
      return parseStat(await this.#run("look at", at, ["stat", encode(at)]), lastName(at));
    } catch (error) {
      if (error instanceof GlueError && error.code === "fileNotFound") return undefined;
      throw error;
    }
  }

  async makeDirectory(path: SandboxPath): Promise<void> {
    const at = absolute(path);
    await this.#run("make", at, ["mkdir", encode(at)]);
  }

  async remove(path: SandboxPath, options: { recursive?: boolean } = {}): Promise<void> {
    const at = absolute(path);
    await this.#run("remove", at, ["remove", encode(at), options.recursive === true ? "yes" : "no"]);
  }

  async move(from: SandboxPath, to: SandboxPath): Promise<void> {
    const at = absolute(from);
    await this.#run("move", at, ["move", encode(at), encode(absolute(to))]);
  }

  async #run(what: string, at: Uint8Array, words: string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await runScript(this.#sidecar, this.#argv(words), { timeout: LONG_SECONDS });
    if (code !== 0) throw fileError(what, at, stderr);
    return stdout;
  }

  #argv(words: readonly string[]): string[] {
    return [this.#place.sh, "-c", AROUND, "glue", filesOf(this.#place), ...words];
  }

  /** The bytes that a reading operation prints after its first, which says that the file is open. */
  async #content(at: Uint8Array, [operation = "read", ...rest]: string[]): Promise<ByteStream> {
    const running = await RunningExec.start(this.#sidecar, this.#argv([operation, encode(at), ...rest]), {
      timeout: LONG_SECONDS,
    });
    const next = async (): Promise<Uint8Array | undefined> => {
      try {
        const piece = await running.next();
        if (piece === undefined && (await running.ended) !== 0) throw fileError("read", at, running.stderr);
        if (piece === undefined) running.release();
        return piece;
      } catch (error) {
        running.release();
        throw error;
      }
    };
    let first = (await next())?.subarray(1);
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const piece = first !== undefined && first.length > 0 ? first : await next();
          first = undefined;
          if (piece === undefined) controller.close();
          else controller.enqueue(piece);
        },
        cancel: () => running.release(),
      },
      { highWaterMark: 0 },
    );
  }
}

/** Pieces of which each is worth a call of its own. */
async function* gathered(bytes: ByteStream): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const piece of bytes) {
    held.push(piece);
    length += piece.length;
    if (length < INPUT_PIECE) continue;
    yield held.length === 1 ? piece : Buffer.concat(held);
    held = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(held);
}

/** Absolute, as bytes; throws `optionInvalid` for a NUL. */
function absolute(path: SandboxPath): Uint8Array {
  const bytes = typeof path === "string" ? Buffer.from(path) : Buffer.from(path);
  if (bytes.includes(0)) throw new GlueError("optionInvalid", `A path cannot hold a NUL byte: ${showPath(bytes)}`);
  return bytes[0] === 0x2f ? bytes : Buffer.concat([Buffer.from(`${WORKSPACE}/`), bytes]);
}

/** For files.sh: as it is where JSON can carry it, else every byte in octal. */
function encode(path: Uint8Array): string {
  try {
    return `p${new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(path)}`;
  } catch {
    // No UTF-8: the decoder has no other way to say so.
    return `b${Array.from(path, (byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("")}`;
  }
}

function lastName(path: Uint8Array): Uint8Array {
  let end = path.length;
  while (end > 1 && path[end - 1] === 0x2f) end--;
  return path.subarray(path.lastIndexOf(0x2f, end - 1) + 1, end);
}
