import { quote } from "../common/command-line.ts";
import { fileError, showPath } from "../common/file-errors.ts";
import { parseListing, parseStat } from "../common/listing.ts";
import { type ByteStream, type Entry, GlueError, type SandboxPath, type Workspace } from "../contract.ts";
import { fileOperation, fileTool } from "./files.ts";
import { type Place, spoolOf, WORKSPACE } from "./place.ts";
import type { Toolbox } from "./toolbox.ts";

/** Files up to this size come and go in one call, as text. Bytes. */
const INLINE_BYTES = 48_000;
const INLINE_READ_BYTES = 200_000;
const LIST_TRIES = 5;

/**
 * Files in a sandbox: small ones and all questions by tools inside, as the user that commands run as; the bytes of large ones by the
 * service's own calls, in parts that are joined and verified inside before the file has its name.
 */
export class DaytonaWorkspace implements Workspace {
  /** One part is in memory at a time, and is sent again whole when its call fails. */
  readonly pieceBytes = 8 * 1024 * 1024;
  readonly #toolbox: Toolbox;
  readonly #place: Place;

  constructor(toolbox: Toolbox, place: Place) {
    this.#toolbox = toolbox;
    this.#place = place;
  }

  async read(path: SandboxPath, range?: { offset: number; length: number }): Promise<Uint8Array> {
    const at = absolute(path);
    const offset = range?.offset ?? 0;
    const length = range?.length ?? Number.POSITIVE_INFINITY;
    if (length === 0) return new Uint8Array();
    const asked = Math.min(length, INLINE_READ_BYTES);
    const words = ["range", encode(at), String(offset), String(asked)];
    // The first byte says that the file is open.
    const first = (await fileOperation(this.#toolbox, this.#place, "read", at, words)).subarray(1);
    if (first.length < asked || length <= INLINE_READ_BYTES) return new Uint8Array(first);
    const rest = await this.#content(at, offset + first.length, range === undefined ? undefined : offset + length);
    const parts: Uint8Array[] = [first];
    for await (const part of rest) parts.push(part);
    return new Uint8Array(Buffer.concat(parts));
  }

  async download(path: SandboxPath): Promise<ByteStream> {
    return await this.#content(absolute(path), 0, undefined);
  }

  async write(path: SandboxPath, bytes: Uint8Array, options: { mode?: number } = {}): Promise<void> {
    const at = absolute(path);
    if (bytes.length > INLINE_BYTES) {
      const once = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes);
          controller.close();
        },
      });
      return await this.upload(path, once, { ...options, size: bytes.length });
    }
    const feed = `printf %s ${quote(Buffer.from(bytes).toString("base64"))} | base64 -d`;
    await fileOperation(
      this.#toolbox,
      this.#place,
      "write",
      at,
      this.#writeWords(at, bytes.length, options.mode),
      feed,
    );
  }

  async upload(path: SandboxPath, bytes: ByteStream, options: { size: number; mode?: number }): Promise<void> {
    const at = absolute(path);
    const { size, mode } = options;
    const token = crypto.randomUUID();
    const file = (part: number) => `${spoolOf(this.#place)}/up-${token}.${part}`;
    const hasher = new Bun.CryptoHasher("sha256");
    let parts = 0;
    let arrived = 0;
    let held: Uint8Array[] = [];
    let heldBytes = 0;
    const flush = async () => {
      await this.#toolbox.upload(file(parts), held);
      parts += 1;
      held = [];
      heldBytes = 0;
    };
    const names = () => Array.from({ length: parts }, (_, part) => quote(file(part))).join(" ");
    try {
      for await (const piece of bytes) {
        arrived += piece.length;
        if (arrived > size) break;
        hasher.update(piece);
        for (let from = 0; from < piece.length; ) {
          const part = piece.subarray(from, from + this.pieceBytes - heldBytes);
          // The bytes may be the reader's own, used again for its next piece.
          held.push(part.length === piece.length ? part : part.slice());
          heldBytes += part.length;
          from += part.length;
          if (heldBytes >= this.pieceBytes) await flush();
        }
      }
      if (arrived !== size) {
        throw new GlueError(
          "transferFailed",
          `${showPath(at)} was to have ${size} bytes; ${arrived > size ? "more" : `only ${arrived}`} came.`,
        );
      }
      if (heldBytes > 0) await flush();
      const sum = hasher.digest("hex");
      const feed = parts === 0 ? "printf ''" : `cat ${names()}`;
      // Without sha256sum the size is all that is looked at.
      const check = `glue_sum=$(${feed} | sha256sum 2>/dev/null) && [ "\${glue_sum%% *}" != ${sum} ] && { echo 'not whole' >&2; exit 1; }; ${feed}`;
      await fileOperation(this.#toolbox, this.#place, "write", at, this.#writeWords(at, size, mode), `( ${check} )`);
    } finally {
      if (parts > 0)
        await this.#toolbox.execute(`rm -f ${names()}\necho ':glue:'\necho ':end:'\n`, { seconds: 60 }).catch(ignore);
    }
  }

  async list(path: SandboxPath): Promise<Entry[]> {
    const at = absolute(path);
    for (let tries = 0; tries < LIST_TRIES; tries += 1) {
      const entries = parseListing(await fileOperation(this.#toolbox, this.#place, "list", at, ["list", encode(at)]));
      if (entries !== undefined) return entries;
    }
    throw new GlueError("ioFailed", `Cannot list ${showPath(at)}: it changes all the time`);
  }

  async stat(path: SandboxPath): Promise<Entry | undefined> {
    const at = absolute(path);
    const { code, stdout, stderr } = await fileTool(this.#toolbox, this.#place, ["stat", encode(at)]);
    if (code === 0) return parseStat(stdout, lastName(at));
    const error = fileError("look at", at, stderr);
    if (error.code === "fileNotFound") return undefined;
    throw error;
  }

  async makeDirectory(path: SandboxPath): Promise<void> {
    const at = absolute(path);
    await fileOperation(this.#toolbox, this.#place, "make", at, ["mkdir", encode(at)]);
  }

  async remove(path: SandboxPath, options: { recursive?: boolean } = {}): Promise<void> {
    const at = absolute(path);
    await fileOperation(this.#toolbox, this.#place, "remove", at, [
      "remove",
      encode(at),
      options.recursive === true ? "yes" : "no",
    ]);
  }

  async move(from: SandboxPath, to: SandboxPath): Promise<void> {
    const at = absolute(from);
    await fileOperation(this.#toolbox, this.#place, "move", at, ["move", encode(at), encode(absolute(to))]);
  }

  /** The bytes of a file by the service's own call; where that gives nothing, a look inside says why. */
  async #content(at: Uint8Array, offset: number, end: number | undefined): Promise<ByteStream> {
    const encoded = encode(at);
    let name = encoded.slice(1);
    if (encoded.startsWith("b")) {
      // No UTF-8, which an address cannot carry: a link with a plain name leads there.
      name = `${spoolOf(this.#place)}/link-${crypto.randomUUID()}`;
      const link = `p=$(printf '%bx' ${quote(encoded.slice(1))}); ln -s -- "\${p%x}" ${quote(name)}\necho ':glue:'\necho ':end:'\n`;
      await this.#toolbox.execute(link, { seconds: 30 });
    }
    const found = await this.#toolbox.download(name, offset, end);
    if (found !== undefined) return found;
    const { code, stdout, stderr } = await fileTool(this.#toolbox, this.#place, [
      "range",
      encoded,
      String(offset),
      "1",
    ]);
    if (code !== 0) throw fileError("read", at, stderr);
    if (stdout.length <= 1) return new ReadableStream({ start: (controller) => controller.close() });
    throw new GlueError(
      "permissionDenied",
      `Cannot read ${showPath(at)}: the service refuses what the sandbox allows.`,
    );
  }

  #writeWords(at: Uint8Array, size: number, mode: number | undefined): string[] {
    return ["write", encode(at), String(size), crypto.randomUUID(), mode === undefined ? "" : mode.toString(8)];
  }
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

/** For what is left in glue's own folder, which goes with the sandbox. */
function ignore(): void {
  return;
}
