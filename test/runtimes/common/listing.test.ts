import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseListing } from "../../../runtimes/common/listing.ts";

const TYPES = { file: 0x8000, directory: 0x4000, symlink: 0xa000, other: 0x1000 } as const;
const bytes = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((name) => name.map((byte) => (byte === 0 || byte === 0x2f ? 10 : byte)));
const entry = fc.record({
  name: bytes,
  type: fc.constantFrom("file" as const, "directory" as const, "symlink" as const, "other" as const),
  size: fc.nat(),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  linkTarget: bytes,
});

test("whatever the names hold, each entry gets its own facts", () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const names = entries.map(({ name }) => Buffer.concat([Buffer.from("./"), name, Buffer.of(0)]));
      const facts = entries.map(({ type, mode, size }) =>
        Buffer.from(`${(TYPES[type] | mode).toString(16)} ${size}\n`),
      );
      const links = entries.flatMap(({ type, linkTarget }) =>
        type === "symlink" ? [Buffer.from(linkTarget), Buffer.of(0)] : [],
      );
      const answer = Buffer.concat([...names, Buffer.of(0), ...facts, ...links]);
      const expected = entries.map(({ linkTarget, ...rest }) =>
        rest.type === "symlink" ? { ...rest, linkTarget } : rest,
      );
      expect(parseListing(answer)).toEqual(expected);
    }),
  );
});

test.each([
  ["a name less than facts", "./a\0\0" + "81a4 1\n81a4 2\n"],
  ["a name more than facts", "./a\0./b\0\0" + "81a4 1\n"],
  ["an error among the facts", "./a\0\0stat: cannot stat\n"],
  ["a link without its target", "./a\0\0" + "a1ff 4\n"],
  ["nothing", ""],
])("%s is no listing", (_, answer) => {
  expect(parseListing(Buffer.from(answer))).toBeUndefined();
});
