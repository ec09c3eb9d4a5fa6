import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ROOT } from "../build/compile.ts";
import { readJunit, type TestCase } from "./junit.ts";
import { FULL_TIMES, foldersOf, isFull, type Part, testFilesIn } from "./parts.ts";

export interface PartResult {
  readonly cases: readonly TestCase[];
  /** What is wrong beyond failed tests: a file without a report, a process that died, a part that took too long. */
  readonly problems: readonly string[];
}

/**
 * Runs a part, or only those of its test files (relative to the checkout), with `bun test`, its output going to ours or to a file
 * descriptor. Trusts the report file, not the exit status alone: code under test that calls process.exit(0) ends the run with 0 and no
 * report, and a file that cannot be loaded is in no report.
 */
export async function runPart(
  part: Part,
  reportDir: string,
  extraArgs: readonly string[],
  output: "inherit" | "ignore" | number = "inherit",
  files: readonly string[] = testFilesIn(foldersOf(part)),
): Promise<PartResult> {
  const report = join(reportDir, `${part.name}.xml`);
  const run = Bun.spawn(
    [
      process.execPath,
      "test",
      `--timeout=${part.testTimeoutMs}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      ...extraArgs,
      // A path and not a filter: bun test takes a bare word as a part of a file name.
      ...files.map((file) => resolve(ROOT, file)),
    ],
    { cwd: ROOT, env: environmentOf(part), stdio: ["ignore", output, output], detached: true },
  );
  const limitMinutes = part.limitMinutes * (isFull() ? FULL_TIMES : 1);
  let late = false;
  const end = () => endGroup(run.pid);
  const limit = setTimeout(() => {
    late = true;
    end();
  }, limitMinutes * 60_000);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, end);
  const status = await run.exited;
  clearTimeout(limit);

  if (late) return { cases: [], problems: [`took more than ${limitMinutes} minutes and was ended`] };
  if (!existsSync(report)) return { cases: [], problems: [`died without a report (exit status ${status})`] };
  const cases = readJunit(readFileSync(report, "utf8"));
  const problems: string[] = [];
  if (cases.length === 0) problems.push("ran no test");
  if (extraArgs.length === 0) {
    const seen = new Set(cases.map((testCase) => testCase.file));
    const unseen = files.filter((file) => !seen.has(file));
    problems.push(...unseen.map((file) => `${file} could not be loaded or holds no test`));
  }
  const failed = cases.some((testCase) => testCase.result === "failed");
  if (status !== 0 && !failed && problems.length === 0) problems.push(`ended with ${status} though no test failed`);
  return { cases, problems };
}

/** Said, because what was set since the start would not be passed on by itself. */
function environmentOf({ runtimes, env }: Part): NodeJS.ProcessEnv {
  if (runtimes === undefined || process.env.GLUE_TEST_RUNTIMES) return { ...process.env, ...env };
  return { ...process.env, ...env, GLUE_TEST_RUNTIMES: runtimes.join(",") };
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
