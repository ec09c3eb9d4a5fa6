import type { InputSink } from "../common/feed-stdin.ts";
import { giveBack } from "../common/give-back.ts";
import { createDemux, type Run } from "./demux.ts";
import type { EngineStream } from "./engine.ts";

/** What carries the streams of one command. */
export interface Wire extends InputSink {
  /**
   * What has arrived, in order, or undefined at the end. With `recycle` the bytes of one call are gone with the next. Rejects where it
   * breaks.
   */
  read(): Promise<readonly Run[] | undefined>;
  /** The command's shell has spoken: both ends are connected. */
  connected?(): void;
  /** Lets go of it; what runs goes on. */
  destroy(): void;
}

/** A connection that the engine has handed over; with a terminal its bytes are the terminal's, else they are in frames. */
export function engineWire(stream: EngineStream, { terminal, recycle }: { terminal: boolean; recycle: boolean }): Wire {
  const demux = createDemux();
  let last: Uint8Array | undefined;
  return {
    async read() {
      if (recycle && last !== undefined) giveBack(last);
      last = await stream.read();
      if (last === undefined) return undefined;
      return terminal ? [{ stream: "stdout", bytes: last }] : demux.push(last);
    },
    write: (bytes) => stream.write(bytes),
    endInput: () => stream.endInput(),
    destroy: () => stream.destroy(),
  };
}
