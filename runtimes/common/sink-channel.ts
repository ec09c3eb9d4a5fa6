import type { Channel } from "./channel.ts";

/** A channel into a writer that takes the bytes by itself: `stream` is empty, and ends with what was put. `onDone` is called once. */
export function createSinkChannel(
  write: (bytes: Uint8Array) => Promise<void> | undefined,
  onDone: () => void,
): Channel {
  let done = false;
  const ended = Promise.withResolvers<void>();
  const finish = () => {
    if (done) return;
    done = true;
    ended.resolve();
    onDone();
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        await ended.promise;
        controller.close();
      },
      cancel: finish,
    },
    { highWaterMark: 0 },
  );
  return {
    stream,
    put: (piece) => (done || piece.length === 0 ? undefined : write(piece)),
    close: finish,
    isDone: () => done,
  };
}
