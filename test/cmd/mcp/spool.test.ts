import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Spool } from "../../../cmd/mcp/spool.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** `size` bytes that differ from place to place. */
function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
}

describe("the output of a command", () => {
  for (const size of [0, 1, 262_144, 262_145, 3_000_000]) {
    test(`of ${size} bytes is read back from any offset`, () => {
      const path = join(tempDir(), "out");
      const spool = new Spool(path);
      const all = bytesOf(size);
      for (let at = 0; at < size; at += 50_000) spool.write(all.subarray(at, at + 50_000));
      expect(spool.size).toBe(size);
      for (const offset of [0, 1, size >> 1, Math.max(0, size - 10)])
        expect(Buffer.from(spool.read(offset, 1_000)).equals(all.subarray(offset, offset + 1_000))).toBe(true);
      expect(existsSync(path)).toBe(size > 262_144);
      spool.close();
    });
  }

  test("keeps its end where the disk takes no more", () => {
    const spool = new Spool(join(tempDir(), "no such folder", "out"));
    const all = bytesOf(400_000);
    for (let at = 0; at < all.length; at += 50_000) spool.write(all.subarray(at, at + 50_000));
    expect(spool.size).toBe(400_000);
    expect(Buffer.from(spool.read(390_000, 10_000)).equals(all.subarray(390_000))).toBe(true);
  });
});
