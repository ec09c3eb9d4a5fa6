import { fileError, showPath } from "../common/file-errors.ts";
import { contentOf, writeWords } from "../common/file-tool.ts";
import { absolutePath, encodePath } from "../common/sandbox-path.ts";
import { StreamedFiles } from "../common/streamed-files.ts";
import type { ByteStream, SandboxPath } from "../contract.ts";
import { INPUT_PIECE, RunningExec, runScript } from "./exec.ts";
import { filesOf, type Place, spoolOf } from "./place.ts";
import { otherSize, put } from "./put.ts";
import type { Sidecar } from "./sidecar.ts";

/** For what may walk a large tree. */
const LONG_SECONDS = 3_600;
/** The tools' words are read. */
const AROUND = 'export LC_ALL=C; file=$1; shift; . "$file"';
/** Below, one call that takes its input is quicker than two; above, it would be held in memory. */
const PUT_FROM = INPUT_PIECE;
const PUT_TO = 32 * 1024 * 1024;

/**
 * Files in the sandbox, by its own tools, so that permissions, links and mounts mean what they mean to a command. (The SDK's file calls
 * lose names that are no UTF-8, have no ranges and promise no atomic write.)
 */
export class ModalWorkspace extends StreamedFiles {
  readonly #sidecar: Sidecar;
  readonly #place: Place;

  constructor(sidecar: Sidecar, place: Place) {
    super();
    this.#sidecar = sidecar;
    this.#place = place;
  }

  async upload(path: SandboxPath, bytes: ByteStream, options: { size: number; mode?: number }): Promise<void> {
    const at = absolutePath(path);
    const { size, mode } = options;
    const words = writeWords(at, size, mode);
    if (size > PUT_FROM && size <= PUT_TO) {
      const from = `${spoolOf(this.#place)}/${crypto.randomUUID()}.put`;
      await put(this.#sidecar, from, gathered(bytes), { size, shown: showPath(at) });
      await this.operate("write", at, [...words, from]);
      return;
    }
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
      if (notWhole && arrived !== size) throw otherSize(showPath(at), size, arrived);
      throw fileError("write", at, running.stderr);
    } finally {
      running.release();
    }
  }

  protected async operate(what: string, at: Uint8Array, words: readonly string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await runScript(this.#sidecar, this.#argv(words), { timeout: LONG_SECONDS });
    if (code !== 0) throw fileError(what, at, stderr);
    return stdout;
  }

  #argv(words: readonly string[]): string[] {
    return [this.#place.sh, "-c", AROUND, "glue", filesOf(this.#place), ...words];
  }

  protected async content(at: Uint8Array, [operation = "read", ...rest]: readonly string[]): Promise<ByteStream> {
    const running = await RunningExec.start(this.#sidecar, this.#argv([operation, encodePath(at), ...rest]), {
      timeout: LONG_SECONDS,
    });
    return await contentOf({
      async next() {
        const piece = await running.next();
        if (piece === undefined && (await running.ended) !== 0) throw fileError("read", at, running.stderr);
        return piece;
      },
      release: () => running.release(),
    });
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
