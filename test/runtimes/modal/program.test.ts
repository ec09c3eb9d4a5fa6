import { expect, test } from "bun:test";
import { appendFileSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { sidecarFile } from "../../../runtimes/modal/program.ts";
import { tempDir } from "../../support/temp-dir.ts";

const SOURCES = join(import.meta.dir, "../../../sidecar");
const programs = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".py"))
    .sort();

test("every part of the sidecar is unpacked as it is, for this user alone, and put right when it was changed", () => {
  const home = tempDir();
  const file = sidecarFile(home);
  const folder = dirname(file);
  expect(programs(folder)).toEqual(programs(SOURCES));
  const same = () => {
    for (const name of programs(SOURCES)) {
      expect([name, readFileSync(join(folder, name), "utf8")]).toEqual([
        name,
        readFileSync(join(SOURCES, name), "utf8"),
      ]);
    }
  };
  same();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  appendFileSync(join(folder, "glue_sidecar/peer.py"), "raise SystemExit\n");
  expect(sidecarFile(home)).toBe(file);
  same();
});
