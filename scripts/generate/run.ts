import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { evidenceProblems } from "../../spec/schema/evidence.ts";
import { loadSpec } from "./load.ts";
import { outputs } from "./outputs.ts";

/**
 * Brings the generated files below `root` up to date, or only looks. Returns the exit status; `say` is given a line at a time. Throws
 * `SpecError` for a mistake in a declaration.
 */
export function generate(root: string, check: boolean, say: (line: string) => void): number {
  const spec = loadSpec(root);
  const stale = [...outputs(spec, root)].filter(([path, text]) => {
    const full = join(root, path);
    return !existsSync(full) || readFileSync(full, "utf8") !== text;
  });
  for (const [path, text] of stale) {
    if (!check) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    say(check ? `stale: ${path}` : `wrote: ${path}`);
  }
  if (!check) return 0;
  if (stale.length > 0) say("Run bun scripts/generate.ts and commit what it writes.");
  if (spec.evidence === undefined) {
    say("spec/evidence.json does not exist yet: no cell of the matrix is checked against it.");
    return stale.length > 0 ? 1 : 0;
  }
  const unproven = evidenceProblems(spec.capabilities, spec.evidence);
  for (const problem of unproven) say(`unproven: ${problem}`);
  return stale.length + unproven.length > 0 ? 1 : 0;
}
