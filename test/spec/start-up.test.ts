import { expect, test } from "bun:test";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tempDir } from "../support/temp-dir.ts";
import { configFile } from "./support.ts";

/** Resolves in a process of its own; says which runtime came out and whether the YAML parser was loaded. */
function resolveInProcess(configPath: string): string {
  const program = join(tempDir(), "program.ts");
  writeFileSync(
    program,
    `import { resolveOptions } from ${JSON.stringify(join(import.meta.dir, "../../spec/resolve.ts"))};
     const { options } = await resolveOptions({ env: {}, configPath: ${JSON.stringify(configPath)} });
     const loaded = Object.keys(require.cache).some((path) => path.includes("/node_modules/yaml/"));
     console.log(options.runtime, loaded ? "with the parser" : "without the parser");`,
  );
  const child = Bun.spawnSync([process.execPath, program]);
  return `${child.stdout}${child.stderr}`.trim();
}

test("the YAML parser is loaded for a file only, and for a cached one not again", () => {
  expect(resolveInProcess(join(tempDir(), "config.yaml"))).toBe("host without the parser");
  const path = configFile("runtime: docker\n");
  mkdirSync(join(dirname(path), "cache"));
  const past = new Date(Date.now() - 3_600_000);
  utimesSync(path, past, past);
  expect(resolveInProcess(path)).toBe("docker with the parser");
  expect(resolveInProcess(path)).toBe("docker without the parser");
});
