import { describe } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { testNeeding, withTempDir } from "../support/needs.ts";
import { parseScript, runCase } from "./script.ts";

const FOLDER = join(import.meta.dir, "scripts");

for (const file of readdirSync(FOLDER).sort()) {
  describe(basename(file, ".txt"), () => {
    for (const one of parseScript(readFileSync(join(FOLDER, file), "utf8"), file)) {
      testNeeding(
        ["built-binary", ...one.needs],
        one.title,
        () => withTempDir((folder) => runCase(one, file, folder)),
        120_000,
      );
    }
  });
}
