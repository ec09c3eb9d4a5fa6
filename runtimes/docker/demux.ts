/** One stretch of bytes of one stream, in the order in which the engine sent them. */
export interface Run {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** Raised for bytes that are no frame: then nothing that follows can be trusted either. */
export class FramingError extends Error {
  override readonly name = "FramingError";
}

const HEADER_BYTES = 8;

/**
 * Takes the engine's multiplexed stream apart: frames of an 8-byte header `[stream, 0, 0, 0, length as big-endian uint32]` and
 * `length` bytes (engine API, "ContainerAttach", stream format). `push` takes whatever arrived and owns it: neighbouring frames of one
 * stream are moved together in place, so that a large read becomes one large write, not one for each 32 KB.
 */
export function createDemux(): { push(chunk: Uint8Array): Run[]; isWhole(): boolean } {
  const header = new Uint8Array(HEADER_BYTES);
  let headerLength = 0;
  let left = 0;
  let stream: Run["stream"] = "stdout";

  /** Fills the header from `chunk` and returns where the payload begins, or the end of the chunk. */
  function readHeader(chunk: Uint8Array, from: number): number {
    let at = from;
    while (headerLength < HEADER_BYTES && at < chunk.length) header[headerLength++] = chunk[at++] ?? 0;
    if (headerLength < HEADER_BYTES) return at;
    headerLength = 0;
    const [kind = 255, a, b, c] = header;
    if (kind > 3 || a !== 0 || b !== 0 || c !== 0) throw new FramingError("The engine sent bytes that are no frame.");
    // 0 is stdin, which the engine writes to stdout; 3 is the engine's own error text.
    stream = kind >= 2 ? "stderr" : "stdout";
    left = new DataView(header.buffer).getUint32(4);
    return at;
  }

  return {
    push(chunk) {
      const runs: Run[] = [];
      let run: Run["stream"] | undefined;
      let start = 0;
      let end = 0;
      const flush = () => {
        if (run !== undefined && end > start) runs.push({ stream: run, bytes: chunk.subarray(start, end) });
      };
      let at = 0;
      while (at < chunk.length) {
        if (left === 0) {
          at = readHeader(chunk, at);
          continue;
        }
        const length = Math.min(left, chunk.length - at);
        if (run !== stream) {
          flush();
          run = stream;
          start = at;
          end = at;
        }
        if (end !== at) chunk.copyWithin(end, at, at + length);
        end += length;
        at += length;
        left -= length;
      }
      flush();
      return runs;
    },
    isWhole: () => left === 0 && headerLength === 0,
  };
}
