/** A command's stdin: bytes go in as fast as it takes them, and no faster are they read from their source. */
import { type ByteStream, GlueError } from "../contract.ts";

/** Where the bytes go: a pipe, a socket or a terminal. `write` returns a promise while the other side is not ready for more. */
export interface Sink {
  write(bytes: Uint8Array): number | Promise<number>;
  end(): unknown;
}

const PIECE = 1 << 16;

/**
 * Feeds `source` to `sink` until the source ends or the command stops reading, which is no error: many read only what they need.
 * Ends early, letting go of the source, once `exited` has settled. Rejects when the *source* fails: the command has then seen an
 * end that is none.
 */
export async function feed(source: ByteStream | Uint8Array, sink: Sink, exited: Promise<unknown>): Promise<void> {
  const reader = (source instanceof Uint8Array ? streamOf(source) : source).getReader();
  let over = false;
  let wake: () => void = () => undefined;
  const stop = (): void => {
    over = true;
    wake();
    // A read in progress would wait for ever: nobody is left to take what it brings.
    reader.cancel().catch(ignoreLate);
  };
  exited.then(stop, stop);
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(sourceFailed);
      if (done || over) break;
      const written = sink.write(value);
      if (written instanceof Promise) {
        // A background child that holds stdin without reading must not hold this.
        await new Promise<void>((resolve, reject) => {
          wake = resolve;
          written.then(() => resolve(), reject);
        });
      }
      if (over) break;
    }
    if (!over) await sink.end();
  } catch (error) {
    if (over || isClosedPipe(error)) {
      reader.cancel().catch(ignoreLate);
      return;
    }
    throw error;
  }
}

function sourceFailed(cause: unknown): never {
  throw new GlueError("ioFailed", "The command's standard input could not be read to its end.", { cause });
}

function streamOf(bytes: Uint8Array): ByteStream {
  let offset = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (offset >= bytes.length) return controller.close();
        controller.enqueue(bytes.subarray(offset, offset + PIECE));
        offset += PIECE;
      },
    },
    { highWaterMark: 0 },
  );
}

function isClosedPipe(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EPIPE" || code === "ECONNRESET" || code === "EIO";
}

/** A source that fails while it is let go of has nothing to say that anybody still waits for. */
function ignoreLate(): void {
  return;
}
