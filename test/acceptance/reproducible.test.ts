import { expect } from "bun:test";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/build/compile.ts";
import { testNeeding, withTempDir } from "../support/needs.ts";

testNeeding(
  ["git"],
  "the same sources give the same binary in another folder, and it names neither folder",
  async () => {
    const sources = [
      "cmd",
      "session",
      "workspace",
      "runtimes",
      "spec",
      "sidecar",
      "package.json",
      "tsconfig.json",
      "types.d.ts",
    ];
    const build = async (folder: string): Promise<Buffer> => {
      for (const source of [...sources, "scripts", "node_modules"]) {
        if (!existsSync(join(ROOT, source))) continue;
        cpSync(join(ROOT, source), join(folder, source), { recursive: true, verbatimSymlinks: true });
      }
      const run = Bun.spawn([process.execPath, "scripts/build.ts"], {
        cwd: folder,
        stdio: ["ignore", "ignore", "inherit"],
      });
      expect(await run.exited).toBe(0);
      return readFileSync(join(folder, "dist", "glue"));
    };
    await withTempDir((first) =>
      withTempDir(async (second) => {
        const [one, other] = [await build(first), await build(join(second, "deeper", "down"))];
        expect(one.equals(other)).toBe(true);
        for (const folder of [first, second, ROOT]) expect(one.includes(folder)).toBe(false);
      }),
    );
  },
);
