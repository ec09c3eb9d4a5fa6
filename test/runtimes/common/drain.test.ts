import { describe, expect, test } from "bun:test";
import { drainAfterExit } from "../../../runtimes/common/drain.ts";
import type { ByteStream } from "../../../runtimes/contract.ts";

/** A source whose pieces come when they are told to, and which says what became of it. */
function source() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let pulls = 0;
  let cancelled = false;
  const stream: ByteStream = new ReadableStream<Uint8Array>(
    {
      start: (given) => {
        controller = given;
      },
      pull: () => {
        pulls++;
      },
      cancel: () => {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return {
    stream,
    push: (text: string) => controller?.enqueue(new TextEncoder().encode(text)),
    close: () => controller?.close(),
    fail: (error: Error) => controller?.error(error),
    pulls: () => pulls,
    cancelled: () => cancelled,
  };
}

function exit(): { promise: Promise<void>; now: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, now: resolve };
}

const text = (stream: ByteStream) => new Response(stream).text();

describe("the end of the output", () => {
  test("is the end of the source, when that comes", async () => {
    const { stream, push, close } = source();
    const { promise, now } = exit();
    const output = text(drainAfterExit(stream, promise));
    push("a");
    push("b");
    now();
    await promise;
    push("c");
    close();
    expect(await output).toBe("abc");
  });

  test("comes at most so long after the exit, when somebody else keeps the source open", async () => {
    const { stream, push, cancelled } = source();
    const { promise, now } = exit();
    let released = 0;
    const drained = drainAfterExit(stream, promise, { ms: 60 }, () => released++);
    const output = text(drained);
    push("a");
    await Bun.sleep(20);
    const began = performance.now();
    now();
    await Bun.sleep(10);
    push("late");
    expect(await output).toBe("alate");
    expect(performance.now() - began).toBeGreaterThan(50);
    expect([cancelled(), released]).toEqual([true, 1]);
  });

  test("does not come while the reader does not ask: what was written before the exit is all there", async () => {
    const { stream, push, close } = source();
    const { promise, now } = exit();
    const reader = drainAfterExit(stream, promise, { ms: 40 }).getReader();
    for (const letter of "abcdefgh") push(letter);
    close();
    now();
    let seen = "";
    for (;;) {
      await Bun.sleep(15);
      const { value, done } = await reader.read();
      if (done) break;
      seen += new TextDecoder().decode(value);
    }
    expect(seen).toBe("abcdefgh");
  });

  test("comes after so many bytes, when a child writes without end", async () => {
    const endless: ByteStream = new ReadableStream<Uint8Array>(
      { pull: (controller) => controller.enqueue(new Uint8Array(1000)) },
      { highWaterMark: 0 },
    );
    const bytes = await new Response(drainAfterExit(endless, Promise.resolve(), { bytes: 10_000 })).arrayBuffer();
    expect(bytes.byteLength).toBeGreaterThanOrEqual(10_000);
    expect(bytes.byteLength).toBeLessThan(13_000);
  });

  test("is an error when the source fails, and lets go of it", async () => {
    const { stream, fail } = source();
    let released = 0;
    const output = text(drainAfterExit(stream, exit().promise, {}, () => released++));
    fail(new Error("broken"));
    await expect(output).rejects.toThrow("broken");
    await output.catch(() => undefined);
    expect(released).toBe(1);
  });
});

test("nothing is read that nobody asked for", async () => {
  const { stream, pulls, push } = source();
  const reader = drainAfterExit(stream, exit().promise).getReader();
  await Bun.sleep(5);
  expect(pulls()).toBe(0);
  push("a");
  await reader.read();
  await Bun.sleep(5);
  expect(pulls()).toBeLessThanOrEqual(1);
});

test("a reader that leaves takes the source along", async () => {
  const { stream, cancelled } = source();
  let released = 0;
  await drainAfterExit(stream, exit().promise, {}, () => released++).cancel();
  expect([cancelled(), released]).toEqual([true, 1]);
});
