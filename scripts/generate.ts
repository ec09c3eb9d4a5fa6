/**
 * Writes everything that follows from the YAML files of spec/.
 *
 *   bun scripts/generate.ts           write what is stale
 *   bun scripts/generate.ts --check   write nothing; 1 when something is stale, or when a cell of the matrix claims what no test shows
 */
import { join } from "node:path";
import { SpecError } from "../spec/schema/check.ts";
import { generate } from "./generate/run.ts";

try {
  process.exitCode = generate(join(import.meta.dir, ".."), process.argv.includes("--check"), (line) =>
    console.error(line),
  );
} catch (error) {
  if (!(error instanceof SpecError)) throw error;
  // A mistake in a declaration: its message names the place, a stack of ours would only hide it.
  console.error(error.message);
  process.exitCode = 1;
}
