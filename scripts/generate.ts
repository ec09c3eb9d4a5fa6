/**
 * Writes everything that follows from the YAML files of spec/. `bun scripts/generate.ts` writes it, `--check` writes nothing and
 * fails when something is stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SpecError } from "../spec/schema/check.ts";
import { loadSpec } from "./generate/load.ts";
import { capabilitiesModule, errorsModule, optionsModule } from "./generate/types.ts";

const root = join(import.meta.dir, "..");

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function main(check: boolean): number {
  const spec = loadSpec(root);
  const outputs = new Map<string, string>([
    ["spec/generated/capabilities.ts", capabilitiesModule(spec)],
    ["spec/generated/options.ts", optionsModule(spec)],
    ["spec/generated/errors.ts", errorsModule(spec)],
  ]);
  const stale = [...outputs].filter(([path, text]) => readIfThere(join(root, path)) !== text);
  for (const [path, text] of stale) {
    console.error(`${check ? "stale" : "wrote"}: ${path}`);
    if (check) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return check && stale.length > 0 ? 1 : 0;
}

try {
  process.exitCode = main(process.argv.includes("--check"));
} catch (error) {
  if (!(error instanceof SpecError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
