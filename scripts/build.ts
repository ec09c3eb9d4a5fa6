// `bun run build`: dist/glue (glue.exe) for this machine, started once before it counts.
import { statSync } from "node:fs";
import { join } from "node:path";
import { compile, currentCommit, ROOT } from "./build/compile.ts";
import { startCheck } from "./build/start-check.ts";
import { nativeTarget } from "./build/targets.ts";

const began = performance.now();
const target = nativeTarget();
const outfile = join(ROOT, "dist", process.platform === "win32" ? "glue.exe" : "glue");
await compile({ target, outfile, commit: currentCommit() });
const problem = await startCheck(outfile, target);
if (problem !== undefined) {
  console.error(problem);
  process.exit(1);
}
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(`dist/glue for ${target}: ${(statSync(outfile).size / 1e6).toFixed(1)} MB in ${seconds} s`);
