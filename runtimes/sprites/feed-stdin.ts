import { type ByteStream, GlueError } from "../contract.ts";

/** Where a command's input goes. */
export interface InputSink {
  /** Resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing more comes. */
  end(): Promise<void>;
}

const PIECE = 65_536;

/**
 * Sends `source` as fast as it is taken, then its end. A command that stops reading is no error. `over` tells that nobody reads any more: then the
 * source is let go of. Rejects when the source fails: the command must not take that for its end.
 */
export async function feedStdin(
  source: ByteStream | Uint8Array,
  sink: InputSink,
  over: Promise<unknown>,
): Promise<void> {
  const reader = (source instanceof Uint8Array ? streamOf(source) : source).getReader();
  let stopped = false;
  const stop = () => {
    stopped = true;
    // A source that fails while it is let go of has nothing to say that anybody waits for.
    reader.cancel().catch(() => undefined);
  };
  over.then(stop, stop);
  for (;;) {
    let bytes: Uint8Array | undefined;
    try {
      bytes = (await reader.read()).value;
    } catch (cause) {
      if (stopped) return;
      throw new GlueError("ioFailed", "The command's standard input could not be read to its end.", { cause });
    }
    if (stopped) return;
    try {
      if (bytes === undefined) return await sink.end();
      await sink.write(bytes);
    } catch {
      // Nobody reads it any more; how the command ended says why.
      return stop();
    }
  }
}

function streamOf(bytes: Uint8Array): ByteStream {
  let offset = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = bytes.subarray(offset, offset + PIECE);
        offset += piece.length;
        if (piece.length === 0) controller.close();
        else controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
}
