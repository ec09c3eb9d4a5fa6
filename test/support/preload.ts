// Loaded before the tests of a run (bunfig.toml): what holds for all of them.
import { afterAll } from "bun:test";
import { join } from "node:path";
import { removeTempDirs, tempDir } from "./temp-dir.ts";

// Neither glue's settings nor git's of whoever starts the tests reach them, and the real ~/.glue is never touched.
for (const name of Object.keys(process.env)) {
  if (/^GIT_|^GLUE_(?!TEST_)/.test(name)) delete process.env[name];
}
process.env.GLUE_HOME = join(tempDir(), "glue-home");

// Thousands of files take their time on a disk that others use too.
// 100,000 files go too.
afterAll(removeTempDirs, 600_000);
// Code under test that ends the process skips every hook.
process.on("exit", removeTempDirs);
