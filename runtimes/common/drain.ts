/**
 * The end of a command's output. A stream normally ends when the last writer closes it; a background child that keeps stdout must
 * not hold the result of a command that is over, and a slow reader must not lose what the command had written.
 */
import type { ByteStream } from "../contract.ts";

export interface DrainLimits {
  /** Time spent waiting for the source after the exit. Time in which the reader does not ask is not counted. Default 250. */
  readonly ms?: number;
  /**
   * Bytes taken after the exit: more than what pipes and sockets can have held at that moment is new, and of a child that
   * writes without end nobody wants 250 ms full. Default 64 MiB.
   */
  readonly bytes?: number;
}

/** Called once, when nothing will be read from the source again: where its file descriptor can be closed. */
export type Release = () => void;

/**
 * `source`, until it ends or until `exited` has settled and the limits are reached; then the source is cancelled. Nothing is read
 * ahead: back-pressure passes through.
 */
export function drainAfterExit(
  source: ByteStream,
  exited: Promise<unknown>,
  limits: DrainLimits = {},
  release: Release = () => undefined,
): ByteStream {
  const reader = source.getReader();
  let msLeft = limits.ms ?? 250;
  let bytesLeft = limits.bytes ?? 64 * 1024 * 1024;
  let over = false;
  // One waker, not a race of promises per chunk: each race would leave a reaction on `exited` for as long as the command runs.
  let wake: () => void = () => undefined;
  const markOver = (): void => {
    over = true;
    wake();
  };
  exited.then(markOver, markOver);
  // Kept when something else wins a race against it: the bytes it brings belong to the next turn.
  let pending: ReturnType<typeof reader.read> | undefined;

  async function next(): Promise<Uint8Array | undefined> {
    for (;;) {
      pending ??= reader.read();
      if (!over) {
        const read = pending;
        await new Promise<void>((resolve) => {
          wake = resolve;
          read.then(
            () => resolve(),
            () => resolve(),
          );
        });
        if (over) continue;
        return (await take(pending)).value;
      }
      if (msLeft <= 0 || bytesLeft <= 0) return undefined;
      const started = performance.now();
      const inTime = await settlesWithin(pending, msLeft);
      msLeft -= performance.now() - started;
      if (!inTime) return undefined;
      const chunk = (await take(pending)).value;
      bytesLeft -= chunk?.length ?? 0;
      return chunk;
    }
  }

  async function take(read: NonNullable<typeof pending>): ReturnType<typeof reader.read> {
    pending = undefined;
    return read;
  }

  async function end(): Promise<void> {
    try {
      await reader.cancel();
    } finally {
      release();
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const chunk = await next();
          if (chunk !== undefined) return controller.enqueue(chunk);
        } catch (error) {
          release();
          throw error;
        }
        controller.close();
        await end();
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(settled, settled), late]);
  } finally {
    clearTimeout(timer);
  }
}

function settled(): true {
  return true;
}
