import { expect, test } from "bun:test";
import type { Owner } from "../../../runtimes/contract.ts";
import { readTags, tagsOf } from "../../../runtimes/modal/labels.ts";

const BOOT = "0b2d9c3e-5a1f-4c6b-9d8e-7f6a5b4c3d2e";
const OWNERS: readonly Owner[] = [
  { kind: "process", host: "0123456789abcdef0123456789abcdef", boot: `${BOOT}/4026531836`, pid: 42, pidStart: "12345" },
  // A Mac's time of day, and what is there when nobody can tell.
  {
    kind: "open",
    host: "0B2D9C3E-5A1F-4C6B-9D8E-7F6A5B4C3D2E",
    boot: BOOT,
    pid: 1,
    pidStart: "Sun Nov 22 11:47:00 2026",
  },
  { kind: "open", host: "a_b_20", boot: BOOT, pid: 7, pidStart: "unknown" },
];

for (const owner of OWNERS) {
  test(`an owner is read from the tags as it was written, and Modal takes them: ${owner.pidStart}`, () => {
    const tags = tagsOf("mwr6oxbz-1e0p0a", owner, false);
    expect(readTags(tags)).toEqual({ sessionId: "mwr6oxbz-1e0p0a", owner, kept: false });
    for (const tag of Object.entries(tags).flat()) expect(tag).toMatch(/^[A-Za-z0-9._-]{1,63}$/);
  });
}

test("a sandbox that outlives its session says so", () => {
  const [owner] = OWNERS;
  if (owner === undefined) throw new Error("no owner");
  expect(readTags(tagsOf("s", owner, true))?.kept).toBe(true);
});

test("what is not glue's has no reading; an owner that is not whole, or of another format, proves nothing", () => {
  expect(readTags({ "glue-session": "s" })).toBeUndefined();
  expect(readTags({ glue: "1" })).toBeUndefined();
  expect(readTags({ glue: "1", "glue-session": "s", "glue-kind": "process" })?.owner).toBeUndefined();
  const [owner] = OWNERS;
  if (owner === undefined) throw new Error("no owner");
  expect(readTags({ ...tagsOf("s", owner, false), glue: "2" })?.owner).toBeUndefined();
});
