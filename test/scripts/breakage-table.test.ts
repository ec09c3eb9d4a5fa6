import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { breakageTable, withTable } from "../../scripts/breakage-table.ts";

const ROOT = join(import.meta.dir, "../..");

test("the table of breakages says what the runs wrote down", () => {
  const page = readFileSync(join(ROOT, "docs/reliability.md"), "utf8");
  expect(withTable(page, readFileSync(join(ROOT, "test/fault/outcomes.jsonl"), "utf8"))).toBe(page);
});

test("a run that broke a promise is counted as that and as nothing else", () => {
  const line = { rung: "host", kind: "it", saved: "whole", lostMs: 0, problems: [] } as const;
  const table = breakageTable([
    line,
    { ...line, problems: ["left: a process"] },
    { ...line, saved: "checkpoint", lostMs: 640 },
  ]);
  expect(table).toContain("| host | it | 3 | 1 | 1 | 0 | 1 | 0.6 s |");
});
