import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestCase } from "./junit.ts";
import type { Part } from "./parts.ts";
import { runPart } from "./run-part.ts";

/** Where more files than this fail, it is not a moment of the machine. */
export const MOST_FILES = 6;

/**
 * Runs the files of failed tests once more, with nothing beside them, and gives those tests that pass then: on a busy machine a process may be
 * stopped for seconds at any place. None where more than `MOST_FILES` files failed.
 */
export async function passingAlone(
  failed: ReadonlyMap<Part, readonly TestCase[]>,
  reportDir: string,
  output: "inherit" | "ignore" = "inherit",
): Promise<Set<TestCase>> {
  const passing = new Set<TestCase>();
  const filesOf = (cases: readonly TestCase[]) => [...new Set(cases.map(({ file }) => file))];
  const files = [...failed.values()].reduce((sum, cases) => sum + filesOf(cases).length, 0);
  if (files > MOST_FILES) return passing;
  const again = join(reportDir, "again");
  mkdirSync(again);
  for (const [part, cases] of failed) {
    if (output === "inherit") console.log(`\n== ${part.name}, what failed once more`);
    const { cases: now } = await runPart(part, again, [], output, filesOf(cases));
    for (const testCase of cases) {
      const same = now.filter(({ file, title }) => file === testCase.file && title === testCase.title);
      if (same.length > 0 && same.every(({ result }) => result === "passed")) passing.add(testCase);
    }
  }
  return passing;
}
