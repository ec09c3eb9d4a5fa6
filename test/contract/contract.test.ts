import { afterAll, describe } from "bun:test";
import { RUNTIMES } from "../../spec/generated/capabilities.ts";
import { Bench } from "./bench.ts";
import { BASICS, LEAN, WHOLE } from "./suite/index.ts";
import type { ContractTarget } from "./target.ts";
import { TARGETS } from "./targets/index.ts";

const SUITES = { whole: WHOLE, lean: LEAN, basics: BASICS };
const wanted = (process.env.GLUE_TEST_RUNTIMES ?? "").split(",").filter(Boolean);

/** A runtime that is still planned claims nothing, and is put to the suite only when it is named. */
const claims = (target: ContractTarget) =>
  RUNTIMES.some(({ id, status }) => id === target.runtime && status !== "planned");
const isWanted = (target: ContractTarget) =>
  wanted.length === 0 ? claims(target) : wanted.includes(target.runtime) || wanted.includes(target.id);

for (const target of TARGETS.filter(isWanted)) {
  describe(target.label, () => {
    const bench = new Bench(target);
    for (const suite of SUITES[target.depth ?? "whole"]) suite(bench);
    afterAll(() => bench.close());
  });
}
