import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { asJson, createTextSplitter, outputTo } from "../../cmd/stream.ts";
import { testIo } from "./memory-terminal.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const streamOf = (...chunks: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
const fromJson = (line: { data: string; encoding?: string }) =>
  Buffer.from(line.data, line.encoding === "base64" ? "base64" : "utf8");

async function jsonOf(stdout: Uint8Array[], stderr: Uint8Array[] = []) {
  const io = testIo({ json: true });
  await outputTo(io).passOn({ stdout: streamOf(...stdout), stderr: streamOf(...stderr) });
  const lines = io.terminal.text(1).split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as { type: string; data: string; encoding?: string });
}

describe("outputTo", () => {
  test("keeps stdout and stderr apart and every byte as it is", async () => {
    const io = testIo();
    const odd = Uint8Array.of(0, 255, 10, 0xc3);
    await outputTo(io).passOn({ stdout: streamOf(odd, bytes("x")), stderr: streamOf(bytes("no final newline")) });
    expect(io.terminal.bytes(1)).toEqual(Buffer.from([...odd, 0x78]));
    expect(io.terminal.text(2)).toBe("no final newline");
  });

  test("does not break a character that is split across chunks in JSON", async () => {
    const [a, b] = [bytes("grün €").subarray(0, 3), bytes("grün €").subarray(3)];
    const lines = await jsonOf([a, b.subarray(0, 3), b.subarray(3)]);
    expect(lines.every((line) => line.encoding === undefined)).toBe(true);
    expect(lines.map((line) => line.data).join("")).toBe("grün €");
  });

  test("writes bytes that are no text as base64 and says so", async () => {
    expect(await jsonOf([Uint8Array.of(0xff, 0xfe)])).toEqual([{ type: "stdout", data: "//4=", encoding: "base64" }]);
  });

  test("writes a character that never ends as base64", async () => {
    const lines = await jsonOf([bytes("ok"), Uint8Array.of(0xe2, 0x82)]);
    expect(lines).toEqual([
      { type: "stdout", data: "ok" },
      { type: "stdout", data: "4oI=", encoding: "base64" },
    ]);
  });

  test("puts stderr in lines of its own on stdout in JSON", async () => {
    expect(await jsonOf([], [bytes("oh\u0000no\n")])).toEqual([{ type: "stderr", data: "oh\u0000no\n" }]);
  });

  test("never mixes two lines of JSON, however slowly they go out", async () => {
    const io = testIo({ json: true });
    io.stream = async (fd, all) => {
      for (let at = 0; at < all.length; at += 7) {
        io.terminal.write(fd, all.subarray(at, at + 7));
        await Bun.sleep(0);
      }
    };
    const many = (text: string) => Array.from({ length: 20 }, () => bytes(text.repeat(20)));
    await outputTo(io).passOn({ stdout: streamOf(...many("o")), stderr: streamOf(...many("e")) });
    const lines = io.terminal.text(1).split("\n").filter(Boolean);
    expect(lines).toHaveLength(40);
    for (const line of lines)
      expect(["o".repeat(20), "e".repeat(20)]).toContain((JSON.parse(line) as { data: string }).data);
  });

  test("stops reading while nobody takes what was written", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>(
      { pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(++pulled)) },
      { highWaterMark: 0 },
    );
    const io = testIo();
    io.terminal.stream = () => new Promise(() => undefined);
    void outputTo(io).passOn({ stdout: endless, stderr: streamOf() });
    await Bun.sleep(20);
    expect(pulled).toBeLessThan(4);
  });
});

describe("JSON lines", () => {
  test("give back any bytes in any chunks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.uint8Array(), fc.string({ unit: "binary" }).map(bytes))),
        async (chunks) => {
          const lines = await jsonOf(chunks);
          expect(Buffer.concat(lines.map(fromJson))).toEqual(Buffer.concat(chunks));
        },
      ),
      { numRuns: 50 },
    );
  });

  test("keep text as text however it is cut", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.array(fc.nat(20)), (text, cuts) => {
        const splitter = createTextSplitter();
        const all = bytes(text);
        let at = 0;
        const parts: Uint8Array[] = [];
        for (const cut of cuts) {
          parts.push(splitter.push(all.subarray(at, at + cut)).slice());
          at += cut;
        }
        parts.push(splitter.push(all.subarray(at)).slice(), splitter.end());
        for (const part of parts) expect(asJson(part).encoding).toBeUndefined();
        expect(Buffer.concat(parts).toString()).toBe(text);
      }),
    );
  });
});
