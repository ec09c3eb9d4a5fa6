import { type ByteStream, GlueError } from "../contract.ts";

/** Where input goes: `write` resolves when there is room for more and rejects when nobody reads. */
export interface InputSink {
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
}

/** What a terminal takes for the end of input (Ctrl-D). */
const END_OF_INPUT = new Uint8Array([4]);
const PIECE = 65_536;

/**
 * Sends `source` to the command's stdin as fast as it takes it, then its end. A command that stops reading is no error. `over` tells
 * that nobody will read any more: then the source is let go of. Rejects when the source fails: the command must not take that for its end.
 */
export async function feedStdin(
  source: ByteStream | Uint8Array,
  stream: InputSink,
  terminal: boolean,
  over: Promise<unknown>,
): Promise<void> {
  const reader = source instanceof Uint8Array ? pieces(source) : readerOf(source);
  let stopped = false;
  const stop = () => {
    stopped = true;
    reader.stop();
  };
  over.then(stop, stop);
  for (;;) {
    const bytes = await reader.next();
    if (stopped) return;
    try {
      if (bytes !== undefined) {
        await stream.write(bytes);
        continue;
      }
      if (terminal) await stream.write(END_OF_INPUT);
      else stream.endInput();
      return;
    } catch {
      // Nobody reads it any more; how the command ended says why.
      return reader.stop();
    }
  }
}

interface Reader {
  next(): Promise<Uint8Array | undefined>;
  stop(): void;
}

function readerOf(source: ByteStream): Reader {
  const reader = source.getReader();
  return {
    async next() {
      try {
        return (await reader.read()).value;
      } catch (cause) {
        throw new GlueError("ioFailed", "The command's standard input could not be read to its end.", { cause });
      }
    },
    stop() {
      // A source that fails while it is let go of has nothing to say that anybody waits for.
      reader.cancel().catch(() => undefined);
    },
  };
}

function pieces(bytes: Uint8Array): Reader {
  let offset = 0;
  return {
    async next() {
      const piece = bytes.subarray(offset, offset + PIECE);
      offset += piece.length;
      return piece.length === 0 ? undefined : piece;
    },
    stop: () => undefined,
  };
}
