import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../build/compile.ts";

/** What holds for the sources as a whole; each is a program that ends with 0 when it does. */
const CHECKS: readonly { readonly name: string; readonly argv: readonly string[]; readonly script?: string }[] = [
  { name: "generated files are fresh", argv: ["scripts/generate.ts", "--check"], script: "scripts/generate.ts" },
  { name: "types", argv: ["x", "tsc", "--noEmit"] },
  { name: "format and lint", argv: ["x", "biome", "check", "--error-on-warnings", "."] },
  { name: "nothing unused", argv: ["x", "knip"] },
  { name: "build", argv: ["scripts/build.ts"] },
];

/** Runs all checks, their output going to ours, and returns the names of those that failed. */
export async function runChecks(): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, argv, script } of CHECKS) {
    if (script !== undefined && !existsSync(join(ROOT, script))) continue;
    console.log(`\n== check: ${name}`);
    const check = Bun.spawn([process.execPath, ...argv], { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
    if ((await check.exited) !== 0) failed.push(name);
  }
  return failed;
}
