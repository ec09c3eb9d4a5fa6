import { expect, test } from "bun:test";
import fc from "fast-check";
import { createDemux, FramingError } from "../../../runtimes/docker/demux.ts";

function frame(stream: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  bytes[0] = stream;
  new DataView(bytes.buffer).setUint32(4, payload.length);
  bytes.set(payload, 8);
  return bytes;
}

/** Cuts bytes at arbitrary places, as a connection does. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.slice(from, at[index] ?? bytes.length));
}

function collect(chunks: Uint8Array[]): { stdout: Buffer; stderr: Buffer; order: string; whole: boolean } {
  const demux = createDemux();
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  let order = "";
  for (const chunk of chunks) {
    for (const run of demux.push(chunk)) {
      // The chunk is the demultiplexer's own only until the next one.
      parts[run.stream].push(Uint8Array.from(run.bytes));
      order += (run.stream === "stdout" ? "o" : "e").repeat(run.bytes.length);
    }
  }
  return {
    stdout: Buffer.concat(parts.stdout),
    stderr: Buffer.concat(parts.stderr),
    order,
    whole: demux.isWhole(),
  };
}

const frames = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 300 })), { maxLength: 40 });

test("every byte comes out on its own stream and in order, wherever the connection cuts", () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(), { maxLength: 40 }), (sent, places) => {
      const wire = Buffer.concat(sent.map(([stream, payload]) => frame(stream, payload)));
      const got = collect(cut(wire, places));
      const of = (wanted: number) =>
        Buffer.concat(sent.flatMap(([stream, bytes]) => (stream === wanted ? [bytes] : [])));
      expect(got.stdout).toEqual(of(1));
      expect(got.stderr).toEqual(of(2));
      expect(got.order).toBe(sent.map(([stream, bytes]) => (stream === 1 ? "o" : "e").repeat(bytes.length)).join(""));
      expect(got.whole).toBe(true);
    }),
  );
});

test("neighbouring frames of one stream become one run", () => {
  const chunk = Buffer.concat([1, 1, 1, 2, 1].map((stream) => frame(stream, Buffer.from("ab"))));
  const runs = createDemux().push(Uint8Array.from(chunk));
  expect(runs.map((run) => [run.stream, Buffer.from(run.bytes).toString()])).toEqual([
    ["stdout", "ababab"],
    ["stderr", "ab"],
    ["stdout", "ab"],
  ]);
});

test("an end in the middle of a frame is seen", () => {
  const demux = createDemux();
  demux.push(frame(1, Buffer.from("abc")).slice(0, 9));
  expect(demux.isWhole()).toBe(false);
});

test.each([
  ["a stream that there is not", [9, 0, 0, 0, 0, 0, 0, 1, 65]],
  ["text instead of a header", [...Buffer.from("OCI runtime exec failed")]],
])("%s is refused", (_, bytes) => {
  expect(() => createDemux().push(Uint8Array.from(bytes as number[]))).toThrow(FramingError);
});
