import { type ByteStream, GlueError } from "../contract.ts";
import { type Ask, type Transport, TransportError } from "./transport.ts";

/** A file of a sandbox that is to be fetched. */
export interface Source {
  readonly transport: Transport;
  readonly url: string;
  /** For people. */
  readonly name: string;
  /** Throws where the sandbox is found dead. */
  alive(cause: unknown): Promise<void>;
}

/** Bytes `offset` to `end` (or the last) of a file; see `Toolbox.download`. */
export async function resumedDownload(source: Source, offset: number, end?: number): Promise<ByteStream | undefined> {
  const { transport, url, name } = source;
  let at = offset;
  // An end counts where the length was told before: a connection that was cut can look like one.
  let vouched = false;
  let beyond = false;
  const open = async (): Promise<ByteStream | undefined> => {
    const ask: Ask = {
      method: "GET",
      url,
      headers: at === 0 && end === undefined ? {} : { range: `bytes=${at}-${end === undefined ? "" : end - 1}` },
      deadlineMs: 120_000,
    };
    const answer = await transport.ask(ask);
    if (answer.status !== 200 && answer.status !== 206) {
      await answer.text();
      // Range Not Satisfiable: nothing lies behind the last byte.
      beyond = answer.status === 416;
      return undefined;
    }
    vouched = answer.header("content-length") !== undefined;
    return cutOut(answer.stream(), answer.status === 206 ? 0 : at, end === undefined ? undefined : end - at);
  };
  const first = await tryOpen(source, open);
  if (first === undefined) return undefined;
  let reader = first.getReader();
  let breaks = 0;
  let fresh = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        for (;;) {
          try {
            const { done, value } = await reader.read();
            if (!done) {
              at += value.length;
              fresh += value.length;
              breaks = 0;
              return controller.enqueue(value);
            }
            const whole = end === undefined ? vouched || fresh === 0 : at >= end;
            if (whole) return controller.close();
            if (++breaks > 4) throw new GlueError("transferFailed", `${name} ended before all of it was here.`);
          } catch (error) {
            if (!(error instanceof TransportError) || ++breaks > 4) throw error;
            await Bun.sleep(100 * 2 ** breaks);
          }
          fresh = 0;
          const again = await tryOpen(source, open);
          if (again !== undefined) reader = again.getReader();
          else if (beyond && end === undefined) return controller.close();
          else throw new GlueError("transferFailed", `${name} went away while it was read.`);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function tryOpen(source: Source, open: () => Promise<ByteStream | undefined>): Promise<ByteStream | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof TransportError) || tries >= 4) throw error;
      await source.alive(error.message);
      await Bun.sleep(100 * 2 ** tries);
    }
  }
}

/** Leaves out `skip` bytes and ends after `length`: what a server does that knows no ranges. */
function cutOut(source: ByteStream, skip: number, length: number | undefined): ByteStream {
  if (skip === 0 && length === undefined) return source;
  const reader = source.getReader();
  let toSkip = skip;
  let left = length ?? Number.POSITIVE_INFINITY;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (left > 0) {
          const { done, value } = await reader.read();
          if (done) break;
          const piece = value.subarray(Math.min(toSkip, value.length)).subarray(0, left);
          toSkip -= Math.min(toSkip, value.length);
          if (piece.length === 0) continue;
          left -= piece.length;
          return controller.enqueue(piece);
        }
        controller.close();
        await reader.cancel();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
