// `bun run test`: the checks, then every part. `bun run test PART… [-r RUNTIME…] [flags of bun test]`: only those parts; `-r` narrows the
// contract suite to some runtimes; after the part `live` come names of runtimes.
// All of it tries what failed once more, alone, and names what passed only then.
// Ends with the names of what failed and what was skipped and why, and one line of totals.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { passingAlone } from "./test/again.ts";
import { runChecks } from "./test/checks.ts";
import type { TestCase } from "./test/junit.ts";
import { foldersOf, isFull, PARTS, type Part, testFilesIn } from "./test/parts.ts";
import { runPart } from "./test/run-part.ts";

const names: string[] = [];
const runtimes: string[] = [];
const extraArgs: string[] = [];
const args = process.argv.slice(2);
for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
  if (arg === "-r" || arg === "--runtime") runtimes.push(args.shift() ?? "");
  else if (arg.startsWith("-")) extraArgs.push(arg, ...args.splice(0));
  else names.push(arg);
}
// `test:live sprites`: only that runtime's, and not the part of that name.
if (names[0] === "live") runtimes.push(...names.splice(1));
if (runtimes.length > 0) process.env.GLUE_TEST_RUNTIMES = runtimes.join(",");
const unknown = names.filter((name) => !PARTS.some((part) => part.name === name));
if (unknown.length > 0) {
  console.error(`no part ${unknown.join(", ")}; there are: ${PARTS.map((part) => part.name).join(", ")}`);
  process.exit(2);
}

const failures: string[] = [];
const failedCases = new Map<Part, readonly TestCase[]>();
const unsteady: string[] = [];
const skips: string[] = [];
let passed = 0;

if (names.length === 0) failures.push(...(await runChecks()).map((name) => `check: ${name}`));

const reportDir = mkdtempSync(join(tmpdir(), "glue-reports-"));
try {
  // A folder that is not there yet has nothing to say; one that was asked for by name has.
  const wanted = PARTS.filter((part) =>
    names.length > 0
      ? names.includes(part.name)
      : !part.onlyByName && (!part.onlyFull || isFull()) && testFilesIn(foldersOf(part)).length > 0,
  );
  const beside = names.length === 0 ? wanted.filter((part) => part.beside) : [];
  const others = wanted.filter((part) => !beside.includes(part));
  await Promise.all([oneAfterTheOther(others, false), oneAfterTheOther(beside, true)]);
  const passing = names.length === 0 ? await passingAlone(failedCases, reportDir) : new Set();
  for (const [part, cases] of failedCases) {
    for (const testCase of cases) (passing.has(testCase) ? unsteady : failures).push(`${part.name}: ${testCase.title}`);
  }
  passed += unsteady.length;
} finally {
  rmSync(reportDir, { recursive: true, force: true });
}

/** Aside, a part's output is shown when it has ended, so that two do not mix. */
async function oneAfterTheOther(parts: readonly Part[], aside: boolean): Promise<void> {
  for (const part of parts) {
    if (!aside) console.log(`\n== ${part.name}`);
    const began = performance.now();
    const log = join(reportDir, `${part.name}.log`);
    const output = aside ? openSync(log, "w") : "inherit";
    const { cases, problems } = await runPart(part, reportDir, extraArgs, output);
    if (output !== "inherit") {
      closeSync(output);
      console.log(`\n== ${part.name}\n${readFileSync(log, "utf8")}`);
    }
    passed += cases.filter((testCase) => testCase.result === "passed").length;
    const failed = cases.filter((testCase) => testCase.result === "failed");
    if (failed.length > 0) failedCases.set(part, failed);
    for (const { result, title } of cases) {
      // A filter of the caller's (-t) makes all else "skipped" too: that is no news.
      if (result === "skipped" && (extraArgs.length === 0 || title.includes("[skipped:")))
        skips.push(`${part.name}: ${title}`);
    }
    failures.push(...problems.map((problem) => `${part.name}: ${problem}`));
    console.log(`== ${part.name}: ${cases.length} tests in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
}

if (passed === 0 && failures.length === 0) failures.push("no test ran");
console.log("");
for (const skip of skips) console.log(`skipped  ${skip}`);
for (const title of unsteady) console.log(`unsteady ${title} [failed, and passed when it was run once more, alone]`);
for (const failure of failures) console.log(`FAILED   ${failure}`);
console.log(`${passed} passed, ${failures.length} failed, ${skips.length} skipped`);
process.exit(failures.length === 0 ? 0 : 1);
