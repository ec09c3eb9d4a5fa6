/**
 * Many runs on all rungs, in batches that add up: `bun test/fault/breakage/batch.ts FILE FIRST LAST [MINUTES]`. Seeds that FILE has an outcome of
 * are not run again; it ends after MINUTES at the latest, and can then be called again.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { removeTempDirs } from "../../support/temp-dir.ts";
import { breakOne } from "./break-one.ts";
import { RUNGS } from "./place.ts";

const [, , file = "", first = "1", last = "100", minutes = "20"] = process.argv;
const AT_ONCE = Number(process.env.GLUE_TEST_AT_ONCE ?? 4);
const until = performance.now() + Number(minutes) * 60_000;

const known = new Set(
  (existsSync(file) ? readFileSync(file, "utf8") : "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .map(({ rung, seed }) => `${rung} ${seed}`),
);
const left = Array.from({ length: Number(last) - Number(first) + 1 }, (_, n) => Number(first) + n)
  .flatMap((seed) => RUNGS.map((rung) => ({ rung, seed })))
  .filter(({ rung, seed }) => !known.has(`${rung} ${seed}`));

async function breakNext(): Promise<void> {
  for (let next = left.shift(); next !== undefined && performance.now() < until; next = left.shift()) {
    const { rung, seed } = next;
    const began = performance.now();
    const outcome = await breakOne(rung, seed).catch((error: unknown) => ({
      seed,
      rung,
      problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    }));
    appendFileSync(file, `${JSON.stringify(outcome)}\n`);
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    console.log(
      `${rung} ${seed} ${seconds} s ${outcome.problems.length === 0 ? "as promised" : outcome.problems.join("\n  ")}`,
    );
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, breakNext));
removeTempDirs();
process.exit(0);
