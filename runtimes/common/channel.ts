import type { ByteStream } from "../contract.ts";

/** Bytes that may wait for a reader before the sender has to. */
const WAITING_BYTES = 262_144;

/** A stream that is fed from elsewhere: the feeder waits while the reader is slow. */
export interface Channel {
  readonly stream: ByteStream;
  /** Returns a promise where too much waits to be read; it resolves when there is room, or nobody reads any more. */
  put(bytes: Uint8Array): Promise<void> | undefined;
  /** The end, once all that was put is read; with an error the reader gets that in its place. */
  close(error?: Error): void;
  /** True once the end is read, or the reader has gone: what is put then is dropped. */
  isDone(): boolean;
}

/** `onDone` is called once, when the channel is done. */
export function createChannel(onDone: () => void): Channel {
  const waiting: Uint8Array[] = [];
  let bytes = 0;
  let closed = false;
  let failed: Error | undefined;
  let done = false;
  let wakeReader: () => void = () => undefined;
  let wakeFeeder: () => void = () => undefined;
  const finish = () => {
    if (done) return;
    done = true;
    waiting.length = 0;
    wakeFeeder();
    onDone();
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          if (waiting.length > 0) {
            // One large piece costs its reader less than many small ones.
            const [first, ...more] = waiting.splice(0);
            bytes = 0;
            wakeFeeder();
            return controller.enqueue(more.length === 0 ? first : Buffer.concat([first ?? new Uint8Array(), ...more]));
          }
          if (closed) {
            if (failed === undefined) controller.close();
            else controller.error(failed);
            return finish();
          }
          await new Promise<void>((resolve) => {
            wakeReader = resolve;
          });
          if (done) return;
        }
      },
      cancel() {
        finish();
        wakeReader();
      },
    },
    { highWaterMark: 0 },
  );
  return {
    stream,
    put(piece) {
      if (done || closed || piece.length === 0) return undefined;
      waiting.push(piece);
      bytes += piece.length;
      wakeReader();
      if (bytes < WAITING_BYTES) return undefined;
      return new Promise<void>((resolve) => {
        wakeFeeder = resolve;
      });
    },
    close(error) {
      if (!closed) failed = error;
      closed = true;
      wakeReader();
    },
    isDone: () => done,
  };
}
