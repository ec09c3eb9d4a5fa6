import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");
const SOURCES = ["cmd", "session", "workspace", "runtimes", "spec", "sidecar", "package.json", "scripts/build.ts"];

/** Where the binary under test is, or why there is none. */
export type BuiltBinary =
  | { readonly path: string; readonly problem?: undefined }
  | { readonly path?: undefined; readonly problem: string };

let answer: BuiltBinary | undefined;

/**
 * The compiled glue: the file that `GLUE_TEST_BINARY` names (tested as it is), else `dist/glue`, built first when it is missing or
 * older than a source. Decided once a process.
 */
export function builtBinary(): BuiltBinary {
  answer ??= findOrBuild();
  return answer;
}

/** The path of the compiled glue, for tests that have declared `built-binary` as a need. Throws where there is none. */
export function gluePath(): string {
  const { path, problem } = builtBinary();
  if (path === undefined) throw new Error(problem);
  return path;
}

function findOrBuild(): BuiltBinary {
  const given = process.env.GLUE_TEST_BINARY;
  if (given) return existsSync(given) ? { path: resolve(given) } : { problem: `GLUE_TEST_BINARY: no file ${given}` };
  const path = join(ROOT, "dist", "glue");
  if (existsSync(path) && statSync(path).mtimeMs > newest(SOURCES.map((source) => join(ROOT, source)))) return { path };
  const build = spawnSync(process.execPath, [join(ROOT, "scripts", "build.ts")], { cwd: ROOT, encoding: "utf8" });
  if (build.status === 0) return { path };
  // A build that fails is a fault of the code, not something that a machine lacks: it must not turn tests into skipped ones.
  throw new Error(`the build failed (${build.status}):\n${build.stdout}${build.stderr}`);
}

function newest(paths: readonly string[]): number {
  let latest = 0;
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    const own = stat.isDirectory() ? newest(readdirSync(path).map((name) => join(path, name))) : stat.mtimeMs;
    latest = Math.max(latest, own);
  }
  return latest;
}
