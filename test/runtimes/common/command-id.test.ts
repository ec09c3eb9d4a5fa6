import { expect, test } from "bun:test";
import { commandIdPrefix, newCommandId } from "../../../runtimes/common/command-id.ts";

test("command ids are file names of one length, and begin with their session's prefix", () => {
  const ids = Array.from({ length: 200 }, () => newCommandId("20261122-ab"));
  expect(new Set(ids).size).toBe(200);
  for (const id of ids) expect(id).toMatch(/^20261122-ab_[0-9a-v]{10}$/);
});

test("no session's prefix is the beginning of another's", () => {
  expect(commandIdPrefix("s1x").startsWith(commandIdPrefix("s1"))).toBe(false);
});
