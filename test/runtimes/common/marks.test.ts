import { expect, test } from "bun:test";
import fc from "fast-check";
import { createMarkFinder } from "../../../runtimes/common/marks.ts";

const TOKEN = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
const mark = (words: string) => Buffer.from(`\x1e${TOKEN} ${words}\x1e`);

function find(chunks: readonly Uint8Array[]): { bytes: Buffer; marks: string[]; beforeEnd: number } {
  const marks: string[] = [];
  const parts: Uint8Array[] = [];
  let beforeEnd = -1;
  const sum = (list: readonly Uint8Array[]) => list.reduce((total, part) => total + part.length, 0);
  const finder = createMarkFinder(TOKEN, (words, before) => {
    marks.push(words);
    if (words.startsWith("end")) beforeEnd = sum(parts) + sum(before);
  });
  for (const chunk of chunks) parts.push(...finder.push(chunk));
  parts.push(finder.end());
  return { bytes: Buffer.concat(parts), marks, beforeEnd };
}

/** Bytes that are full of what marks are made of. */
const nasty = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom(
        Buffer.from("\x1e"),
        Buffer.from(`\x1e${TOKEN.slice(0, 9)}`),
        Buffer.from(TOKEN),
        Buffer.from(`${TOKEN} end`),
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part))))
  // The whole token is nobody's to print: it is random and in no variable.
  .filter((bytes) => !bytes.includes(`\x1e${TOKEN} `));

test("marks are taken out and every other byte is kept, wherever the pieces are cut", () => {
  fc.assert(
    fc.property(nasty, nasty, fc.array(fc.nat(), { maxLength: 30 }), (output, late, places) => {
      const all = Buffer.concat([mark("start"), output, mark("end exit 7 ."), late]);
      const at = [...new Set(places.map((place) => place % (all.length + 1)))].sort((a, b) => a - b);
      const chunks = [0, ...at].map((from, index) => Uint8Array.from(all.subarray(from, at[index] ?? all.length)));
      const found = find(chunks);
      expect(found.marks).toEqual(["start", "end exit 7 ."]);
      expect(found.bytes).toEqual(Buffer.concat([output, late]));
      expect(found.beforeEnd).toBe(output.length);
    }),
  );
});

test("what only begins like a mark is let through at the end", () => {
  const begun = Buffer.from(`\x1e${TOKEN.slice(0, 20)}`);
  expect(find([begun])).toMatchObject({ bytes: begun, marks: [] });
});

test("what begins like a mark and never ends does not hold the output up for ever", () => {
  const endless = Buffer.from(`\x1e${TOKEN} ${"x".repeat(1_000)}`);
  expect(find([endless, Buffer.from("y")]).bytes).toEqual(Buffer.concat([endless, Buffer.from("y")]));
});
