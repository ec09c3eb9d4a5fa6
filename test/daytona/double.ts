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

export const doubleProblem = problem;
