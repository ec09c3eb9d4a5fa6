import { expect, test } from "bun:test";
import { createFrameReader, frameLine } from "../../../runtimes/modal/frames.ts";

test("frames arrive whole and in order, however they are cut", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  const stream = Buffer.concat([
    frameLine({ id: 1 }),
    frameLine({ method: "output" }, bytes),
    bytes,
    frameLine({ id: 2 }, new Uint8Array()),
  ]);
  for (const size of [1, 7, 64, stream.length]) {
    const take = createFrameReader();
    const seen: { id: number | undefined; payload: number[] }[] = [];
    for (let at = 0; at < stream.length; at += size) {
      for (const [message, payload] of take(stream.subarray(at, at + size))) {
        seen.push({ id: message.id, payload: [...payload] });
      }
    }
    expect(seen).toEqual([
      { id: 1, payload: [] },
      { id: undefined, payload: [...bytes] },
      { id: 2, payload: [] },
    ]);
  }
});

test("what is no frame is an error", () => {
  expect(() => createFrameReader()(Buffer.from("Traceback (most recent call last):\n"))).toThrow();
});
