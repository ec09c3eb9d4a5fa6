/** What the runner learns of each test besides its title: which cell of the matrix it shows, and against what. */
import { appendFileSync } from "node:fs";
import type { Capability, RuntimeId } from "../../runtimes/contract.ts";

export interface ContractRecord {
  readonly runtime: RuntimeId;
  readonly capability: Capability;
  readonly title: string;
  readonly against: string;
  /** A test that was started and never passed has failed, whatever became of it. */
  readonly event: "started" | "passed";
}

/** Appends to the file that `GLUE_TEST_CONTRACT_REPORT` names, where there is one. */
export function report(record: ContractRecord): void {
  const path = process.env.GLUE_TEST_CONTRACT_REPORT;
  if (path) appendFileSync(path, `${JSON.stringify(record)}\n`);
}
