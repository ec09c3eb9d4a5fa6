import { type ByteStream, GlueError } from "../contract.ts";
import type { Spool } from "./spool.ts";

/** What is here within this time goes with the start of the command. Milliseconds. */
const AT_ONCE_MS = 10;
/** Bytes that one call carries at the most, and that go along with the start. */
const MOST_BYTES = 4_000_000;
const WITH_START_BYTES = 48_000;

type Reader = ReturnType<typeof readerOf>;

/** The beginning of an input. `whole`: it ended, within the time and the size that go with a start. */
export interface Beginning {
  readonly bytes: Uint8Array;
  readonly whole: boolean;
  readonly reader: Reader;
  /** A read that is under way. */
  readonly pending: ReturnType<Reader["read"]> | undefined;
}

/** Takes what an input has to give at once: most are short, or empty, and need no call of their own. */
export function beginInput(stdin: ByteStream): Promise<Beginning> {
  return gather(readerOf(stdin), undefined, AT_ONCE_MS, WITH_START_BYTES);
}

/** Reads until nothing comes for `ms`, until the end, or until more than `most` bytes are here. */
async function gather(reader: Reader, begun: Beginning["pending"], ms: number, most: number): Promise<Beginning> {
  const parts: Uint8Array[] = [];
  let length = 0;
  let pending = begun;
  while (length <= most) {
    pending ??= reader.read();
    const got = await Promise.race([pending, Bun.sleep(ms).then(() => undefined)]).catch(() => undefined);
    // Nothing yet, or a failure: that is for whoever reads on, behind the bytes that came before it.
    if (got === undefined) return { bytes: joined(parts), whole: false, reader, pending };
    pending = undefined;
    if (got.done) return { bytes: joined(parts), whole: true, reader, pending };
    parts.push(got.value);
    length += got.value.length;
  }
  return { bytes: joined(parts), whole: false, reader, pending };
}

/** Sends an input to a running command, as fast as it is read there, until its end or until `over`. Rejects when the input fails. */
export async function feedInput(spool: Spool, id: string, begun: Beginning, over: AbortSignal): Promise<void> {
  const { reader } = begun;
  let { bytes, whole, pending } = begun;
  let number = 0;
  const stop = () => void reader.cancel().catch(() => undefined);
  over.addEventListener("abort", stop);
  try {
    while (!over.aborted) {
      if (bytes.length > 0) {
        await spool.feed(id, number++, bytes.subarray(0, MOST_BYTES), over);
        bytes = bytes.subarray(MOST_BYTES);
      } else if (whole) {
        return await spool.feed(id, number, undefined, over);
      } else {
        pending ??= reader.read();
        await pending.catch((cause: unknown) => {
          throw new GlueError("ioFailed", "The command's standard input could not be read to its end.", { cause });
        });
        ({ bytes, whole, pending } = await gather(reader, pending, 2, MOST_BYTES));
      }
    }
  } catch (error) {
    if (!over.aborted) throw error;
  } finally {
    over.removeEventListener("abort", stop);
  }
}

/** The default reader, by name: the type of `getReader` alone is that of every kind. */
function readerOf(stream: ByteStream) {
  return stream.getReader();
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : new Uint8Array(Buffer.concat(parts));
}
