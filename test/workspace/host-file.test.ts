import { expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lstatIfThere } from "../../workspace/host-file.ts";
import { tempDir } from "../support/temp-dir.ts";

test.each([
  ["a file", "file", true],
  ["a link that leads nowhere", "dangling", true],
  ["a link to itself", "loop", true],
  ["nothing", "missing", false],
  ["something below a file", "file/below", false],
  ["something below a link that leads nowhere", "dangling/below", false],
  ["something below a link to itself", "loop/below", false],
])("%s is there or not, and no error", (_, name, there) => {
  const folder = tempDir();
  writeFileSync(join(folder, "file"), "");
  symlinkSync("nowhere", join(folder, "dangling"));
  symlinkSync("loop", join(folder, "loop"));
  expect(lstatIfThere(Buffer.from(join(folder, name))) !== undefined).toBe(there);
});
