import { missing, testUnless } from "../support/needs.ts";

/** Why the double cannot run here. */
export const doubleProblem: string | undefined =
  missing("linux") ??
  missing("root") ??
  ["unshare", "nsenter", "setpriv", "sudo", "curl", "perl"]
    .map((name) => (Bun.which(name) ? undefined : `no ${name} on PATH`))
    .find((reason) => reason !== undefined);

/** A test that needs the double of the service; elsewhere it is skipped with the reason. */
export function testWithDouble(title: string, run: () => unknown, timeoutMs?: number): void {
  testUnless(doubleProblem, title, run, timeoutMs);
}

/** As `testWithDouble`, for what takes long: run where `GLUE_TEST_FULL` is set. */
export function slowWithDouble(title: string, run: () => unknown, timeoutMs?: number): void {
  const tooLong = process.env.GLUE_TEST_FULL ? undefined : "slow; set GLUE_TEST_FULL=1";
  testUnless(doubleProblem ?? tooLong, title, run, timeoutMs);
}
