/**
 * Many runs on many rungs, in batches that add up: `bun test/fault/breakage/batch.ts FILE MINUTES host=1-100 modal=1-40 …`. Seeds that FILE has an
 * outcome of are not run again; no run is begun after MINUTES, and the batch can then be gone on with.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { removeTempDirs } from "../../support/temp-dir.ts";
import { seedsFrom } from "../random.ts";
import { breakOne } from "./break-one.ts";
import { RUNGS } from "./place.ts";

const [, , file = "", minutes = "20", ...wanted] = process.argv;
const AT_ONCE = Number(process.env.GLUE_TEST_AT_ONCE ?? 4);
const until = performance.now() + Number(minutes) * 60_000;

const known = new Set(
  (existsSync(file) ? readFileSync(file, "utf8") : "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .map(({ rung, seed }) => `${rung} ${seed}`),
);
// All rungs come to their last seed at the same time.
const left = wanted
  .flatMap((words) => {
    const [name, seeds] = words.split("=");
    const rung = RUNGS.find((rung) => rung === name);
    if (rung === undefined) throw new Error(`${words}: there are ${RUNGS.join(", ")}`);
    return seedsFrom(seeds, 0).map((seed, n, all) => ({ rung, seed, when: n / all.length }));
  })
  .filter(({ rung, seed }) => !known.has(`${rung} ${seed}`))
  .sort((a, b) => a.when - b.when);

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
    const how = outcome.problems.length === 0 ? "as promised" : outcome.problems.join("\n  ");
    console.log(`${rung} ${seed} ${seconds} s ${how}`);
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, breakNext));
removeTempDirs();
process.exit(0);
