import { fileError, showPath } from "../common/file-errors.ts";
import { FileTool, moveWords, streamOf, writeWords } from "../common/file-tool.ts";
import { absolutePath, encodePath } from "../common/sandbox-path.ts";
import { type ByteStream, GlueError, type SandboxPath, type Workspace } from "../contract.ts";
import { startAnswer, type ToolCall } from "./answer.ts";
import type { SpriteCli } from "./cli.ts";
import { fetchAnswer } from "./fetch.ts";
import { cut, onceWords, putPiece, putWhole, UPLOAD_BYTES } from "./pieces.ts";
import type { Place } from "./place.ts";
import { runTool, type ToolAnswer } from "./tool.ts";

/** A tool may take this long over a file. */
const TRANSFER_MS = 3_600_000;

/**
 * Files in the sprite, by its own tools and as the user that commands run as (the service's file API writes as another one, users report).
 * Every byte is proven by a SHA-256 on both ways.
 */
export class SpriteWorkspace extends FileTool implements Workspace {
  readonly pieceBytes = UPLOAD_BYTES;
  readonly #cli: SpriteCli;
  readonly #place: Place;

  constructor(cli: SpriteCli, place: Place) {
    super();
    this.#cli = cli;
    this.#place = place;
  }

  async read(path: SandboxPath, range?: { offset: number; length: number }): Promise<Uint8Array> {
    const at = absolutePath(path);
    const words =
      range === undefined
        ? ["read", encodePath(at)]
        : ["range", encodePath(at), String(range.offset), String(range.length)];
    const answer = await this.operate("read", at, range?.length === 0 ? ["range", encodePath(at), "0", "0"] : words);
    return new Uint8Array(answer.subarray(1));
  }

  /** The file as it is now: it is copied in the sprite first, so that pieces fit together. */
  async download(path: SandboxPath): Promise<ByteStream> {
    const at = absolutePath(path);
    const answer = await startAnswer(this.#cli, this.#place, this.#argv(["read", encodePath(at)]), {
      deadlineMs: TRANSFER_MS,
    });
    if (answer.code !== 0) throw fileError("read", at, answer.stderr);
    return generated(withoutFirst(fetchAnswer(this.#cli, this.#place, answer)));
  }

  async write(path: SandboxPath, bytes: Uint8Array, options: { mode?: number } = {}): Promise<void> {
    await this.upload(path, streamOf(bytes), { ...options, size: bytes.length });
  }

  async upload(path: SandboxPath, bytes: ByteStream, options: { size: number; mode?: number }): Promise<void> {
    const at = absolutePath(path);
    const { size, mode } = options;
    const incoming = `${this.#place.spool}/up-${crypto.randomUUID()}`;
    const words = writeWords(at, size, mode);
    const once = onceWords(this.#place, words);
    let sent = 0;
    let last: Uint8Array = new Uint8Array();
    try {
      for await (const piece of cut(bytes, UPLOAD_BYTES)) {
        if (sent + last.length + piece.length > size)
          throw new GlueError("transferFailed", `${showPath(at)} was to have ${size} bytes; more came.`);
        if (last.length > 0) await putPiece(this.#cli, this.#place, incoming, sent, last);
        sent += last.length;
        last = piece;
      }
      if (sent + last.length !== size) {
        throw new GlueError(
          "transferFailed",
          `${showPath(at)} was to have ${size} bytes; only ${sent + last.length} came.`,
        );
      }
      if (sent === 0) return taken("write", at, await putWhole(this.#cli, this.#place, incoming, last, once));
      await putPiece(this.#cli, this.#place, incoming, sent, last);
      const argv = ["sh", `${this.#place.tools}/pieces.sh`, "finish", incoming, ...once];
      await this.#tool("write", at, argv, { once: true });
    } catch (error) {
      // What arrived of it is of no use, and small against what goes with the sprite.
      await runTool(this.#cli, this.#place, ["rm", "-f", "--", incoming]).catch(() => undefined);
      throw error;
    }
  }

  override async move(from: SandboxPath, to: SandboxPath): Promise<void> {
    const at = absolutePath(from);
    const once = onceWords(this.#place, moveWords(at, to));
    await this.#tool("move", at, ["sh", `${this.#place.tools}/pieces.sh`, "once", ...once], { once: true });
  }

  protected async operate(what: string, at: Uint8Array, words: readonly string[]): Promise<Buffer> {
    return (await this.#tool(what, at, this.#argv(words))).stdout;
  }

  async #tool(what: string, at: Uint8Array, argv: readonly string[], call: ToolCall = {}): Promise<ToolAnswer> {
    const answer = await runTool(this.#cli, this.#place, ["env", "LC_ALL=C", ...argv], {
      deadlineMs: TRANSFER_MS,
      ...call,
    });
    taken(what, at, answer);
    return answer;
  }

  #argv(words: readonly string[]): string[] {
    return ["sh", `${this.#place.tools}/files.sh`, ...words];
  }
}

/** Throws what a tool said when it failed. */
function taken(what: string, at: Uint8Array, { code, stderr }: ToolAnswer): void {
  if (code !== 0) throw fileError(what, at, stderr);
}

/** Without the byte by which files.sh says that the file is open. */
async function* withoutFirst(pieces: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const piece of pieces) {
    const rest = first ? piece.subarray(1) : piece;
    first = false;
    if (rest.length > 0) yield rest;
  }
}

function generated(pieces: AsyncGenerator<Uint8Array>): ByteStream {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await pieces.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
