/**
 * Breaks sessions at random moments and compares what is left with what was promised. Seeded: `GLUE_TEST_SEED=n` repeats one run, `n-m` a
 * batch. `GLUE_TEST_FULL=1`: 100 runs a runtime. `GLUE_TEST_OUTCOMES=FILE` gets a line of JSON for each run, so that batches add up.
 */
import { describe, expect } from "bun:test";
import { appendFileSync } from "node:fs";
import { doubleProblem as daytonaProblem } from "../daytona/double.ts";
import { doubleProblem as modalProblem } from "../modal/double.ts";
import { doubleProblem as spritesProblem } from "../sprites/double.ts";
import { missing, testUnless } from "../support/needs.ts";
import { breakOne } from "./breakage/break-one.ts";
import { RUNGS, type Rung } from "./breakage/place.ts";
import { seedsFrom } from "./random.ts";

const local = missing("linux") ?? missing("root");
const PROBLEMS: Record<Rung, string | undefined> = {
  host: local,
  docker: local ?? missing("image:debian-git") ?? missing("image:busybox"),
  daytona: daytonaProblem,
  sprites: spritesProblem,
  modal: modalProblem,
};
const SEEDS = seedsFrom(process.env.GLUE_TEST_SEED, process.env.GLUE_TEST_FULL === "1" ? 100 : 10);
/** Sessions that go on beside each other: mostly they wait, and one must not disturb another. */
const AT_ONCE = 5;
const FILE = process.env.GLUE_TEST_OUTCOMES;

describe("one thing breaks in a session on a copy", () => {
  for (const rung of RUNGS) {
    testUnless(
      PROBLEMS[rung],
      `${rung}, ${SEEDS.length} times: no more is lost than was promised, and nothing is left behind`,
      async () => {
        const wrong: unknown[] = [];
        const left = [...SEEDS];
        const breakNext = async () => {
          for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
            const outcome = await breakOne(rung, seed).catch((error: unknown) => ({
              seed,
              rung,
              problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
            }));
            if (FILE !== undefined) appendFileSync(FILE, `${JSON.stringify(outcome)}\n`);
            if (outcome.problems.length > 0) wrong.push(outcome);
          }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, breakNext));
        expect(wrong).toEqual([]);
      },
      SEEDS.length * 60_000,
    );
  }
});
