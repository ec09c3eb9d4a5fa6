import { quote } from "../common/command-line.ts";
import { emptyStream } from "../common/empty-stream.ts";
import { fileError, showPath } from "../common/file-errors.ts";
import { FileTool, streamOf, writeWords } from "../common/file-tool.ts";
import { absolutePath, encodePath } from "../common/sandbox-path.ts";
import { type ByteStream, GlueError, type SandboxPath, type Workspace } from "../contract.ts";
import { fileOperation, fileTool } from "./files.ts";
import { type Place, spoolOf } from "./place.ts";
import type { Toolbox } from "./toolbox.ts";

/** Files up to this size come and go in one call, as text. Bytes. */
const INLINE_BYTES = 48_000;
const INLINE_READ_BYTES = 200_000;

/**
 * Files in a sandbox: small ones and all questions by tools inside, as the user that commands run as; the bytes of large ones by the
 * service's own calls, in parts that are joined and verified inside before the file has its name.
 */
export class DaytonaWorkspace extends FileTool implements Workspace {
  /** One part is in memory at a time, and is sent again whole when its call fails. */
  readonly pieceBytes = 8 * 1024 * 1024;
  readonly #toolbox: Toolbox;
  readonly #place: Place;

  constructor(toolbox: Toolbox, place: Place) {
    super();
    this.#toolbox = toolbox;
    this.#place = place;
  }

  async read(path: SandboxPath, range?: { offset: number; length: number }): Promise<Uint8Array> {
    const at = absolutePath(path);
    const offset = range?.offset ?? 0;
    const length = range?.length ?? Number.POSITIVE_INFINITY;
    if (length === 0) return new Uint8Array();
    const asked = Math.min(length, INLINE_READ_BYTES);
    const words = ["range", encodePath(at), String(offset), String(asked)];
    // The first byte says that the file is open.
    const first = (await fileOperation(this.#toolbox, this.#place, "read", at, words)).subarray(1);
    if (first.length < asked || length <= INLINE_READ_BYTES) return new Uint8Array(first);
    const rest = await this.#content(at, offset + first.length, range === undefined ? undefined : offset + length);
    const parts: Uint8Array[] = [first];
    for await (const part of rest) parts.push(part);
    return new Uint8Array(Buffer.concat(parts));
  }

  async download(path: SandboxPath): Promise<ByteStream> {
    return await this.#content(absolutePath(path), 0, undefined);
  }

  async write(path: SandboxPath, bytes: Uint8Array, options: { mode?: number } = {}): Promise<void> {
    const at = absolutePath(path);
    if (bytes.length > INLINE_BYTES) {
      return await this.upload(path, streamOf(bytes), { ...options, size: bytes.length });
    }
    const feed = `printf %s ${quote(Buffer.from(bytes).toString("base64"))} | base64 -d`;
    await fileOperation(this.#toolbox, this.#place, "write", at, writeWords(at, bytes.length, options.mode), feed);
  }

  async upload(path: SandboxPath, bytes: ByteStream, options: { size: number; mode?: number }): Promise<void> {
    const at = absolutePath(path);
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
      await fileOperation(this.#toolbox, this.#place, "write", at, writeWords(at, size, mode), `( ${check} )`);
    } finally {
      if (parts > 0)
        await this.#toolbox.execute(`rm -f ${names()}\necho ':glue:'\necho ':end:'\n`, { seconds: 60 }).catch(ignore);
    }
  }

  protected operate(what: string, at: Uint8Array, words: readonly string[]): Promise<Buffer> {
    return fileOperation(this.#toolbox, this.#place, what, at, words);
  }

  /** The bytes of a file by the service's own call; where that gives nothing, a look inside says why. */
  async #content(at: Uint8Array, offset: number, end: number | undefined): Promise<ByteStream> {
    const encoded = encodePath(at);
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
    if (stdout.length <= 1) return emptyStream();
    throw new GlueError(
      "permissionDenied",
      `Cannot read ${showPath(at)}: the service refuses what the sandbox allows.`,
    );
  }
}

/** For what is left in glue's own folder, which goes with the sandbox. */
function ignore(): void {
  return;
}
