import { afterAll, describe } from "bun:test";
import { Bench } from "./bench.ts";
import { BASICS, LEAN, WHOLE } from "./suite/index.ts";
import { TARGETS } from "./targets/index.ts";

const SUITES = { whole: WHOLE, lean: LEAN, basics: BASICS };
const wanted = (process.env.GLUE_TEST_RUNTIMES ?? "").split(",").filter(Boolean);

for (const target of TARGETS) {
  if (wanted.length > 0 && !wanted.includes(target.runtime) && !wanted.includes(target.id)) continue;
  describe(target.label, () => {
    const bench = new Bench(target);
    for (const suite of SUITES[target.depth ?? "whole"]) suite(bench);
    afterAll(() => bench.close());
  });
}
