import { join } from "node:path";
import type { DoubleOptions } from "../doubles/daytona/server.ts";
import { missing, testUnless } from "../support/needs.ts";

/** Why the double cannot run here. */
const problem =
  missing("linux") ??
  missing("root") ??
  ["unshare", "setpriv", "sudo"]
    .map((name) => (Bun.which(name) ? undefined : `no ${name} on PATH`))
    .find((reason) => reason !== undefined);

/** A test that needs the double of the service; elsewhere it is skipped with the reason. */
export function testWithDouble(title: string, run: () => unknown, timeoutMs?: number): void {
  testUnless(problem, title, run, timeoutMs);
}

/** As `testWithDouble`, for what takes long: run where `GLUE_TEST_FULL` is set. */
export function slowWithDouble(title: string, run: () => unknown, timeoutMs?: number): void {
  testUnless(slow(problem), title, run, timeoutMs);
}

/** Why something slow that may have a problem of its own is not run. */
export function slow(other: string | undefined): string | undefined {
  return other ?? (process.env.GLUE_TEST_FULL ? undefined : "slow; set GLUE_TEST_FULL=1");
}

export const doubleProblem = problem;

/** What a client needs to know of a double. */
export interface Address {
  readonly url: string;
  readonly apiKey: string;
}

/** A double in a process of its own, so that its memory and its processor time are not this one's. */
export async function startDoubleProcess(options: DoubleOptions = {}): Promise<Address & { stop(): Promise<void> }> {
  const main = join(import.meta.dir, "../doubles/daytona/main.ts");
  const child = Bun.spawn([process.execPath, main, JSON.stringify(options)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await child.stdout.getReader().read();
  return {
    ...(JSON.parse(new TextDecoder().decode(value)) as Address),
    async stop() {
      child.stdin.end();
      await child.exited;
    },
  };
}

export async function withDoubleProcess(use: (address: Address) => Promise<void>): Promise<void> {
  const double = await startDoubleProcess();
  try {
    await use(double);
  } finally {
    await double.stop();
  }
}
