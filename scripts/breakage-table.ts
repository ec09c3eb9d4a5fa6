/**
 * Prints the table of random breakages from what the runs wrote down. `bun scripts/breakage-table.ts`: into docs/reliability.md; `--check` only
 * says whether it is there already.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const OUTCOMES = resolve(ROOT, "test/fault/outcomes.jsonl");
const PAGE = resolve(ROOT, "docs/reliability.md");
const MARKS = ["<!-- outcomes -->", "<!-- /outcomes -->"] as const;

interface Line {
  readonly rung: string;
  readonly kind: string;
  readonly saved: "whole" | "checkpoint" | "too early";
  readonly lostMs: number;
  readonly problems: readonly string[];
}

/** The lines of a file of outcomes, as test/fault/breakage/batch.ts writes it. */
export function readOutcomes(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

/** A row for each thing that broke on each rung, in the order of their first runs' rungs, and a row of sums. */
export function breakageTable(lines: readonly Line[]): string {
  const groups = Map.groupBy(lines, ({ rung, kind }) => `${rung} | ${kind}`);
  const order = ["host", "docker", "daytona", "sprites", "modal"];
  const rows = [...groups]
    .map(([name, group]) => ({ name, group, rung: order.indexOf(group[0]?.rung ?? "") }))
    .sort((a, b) => a.rung - b.rung || (a.name < b.name ? -1 : 1))
    .map(({ name, group }) => row(name, group));
  return [
    "| runtime | what broke | runs | nothing lost | back to a checkpoint | nothing to save yet | a promise broken | lost, at most |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
    row("all | ", lines),
  ].join("\n");
}

function row(name: string, group: readonly Line[]): string {
  const kept = group.filter(({ problems }) => problems.length === 0);
  const count = (saved: Line["saved"]) => kept.filter((line) => line.saved === saved).length;
  const lost = Math.max(0, ...kept.filter(({ saved }) => saved === "checkpoint").map(({ lostMs }) => lostMs));
  const broken = group.length - kept.length;
  const most = lost === 0 ? "0" : `${(lost / 1_000).toFixed(1)} s`;
  return `| ${name} | ${group.length} | ${count("whole")} | ${count("checkpoint")} | ${count("too early")} | ${broken} | ${most} |`;
}

/** The page with the table of these outcomes in it. */
export function withTable(page: string, outcomes: string): string {
  const [from, to] = MARKS.map((mark) => page.indexOf(mark));
  if (from === undefined || to === undefined || from < 0 || to < from) throw new Error(`${PAGE} has no ${MARKS[0]}`);
  return `${page.slice(0, from)}${MARKS[0]}\n${breakageTable(readOutcomes(outcomes))}\n${page.slice(to)}`;
}

if (import.meta.main) {
  const page = readFileSync(PAGE, "utf8");
  const next = withTable(page, readFileSync(OUTCOMES, "utf8"));
  if (process.argv.includes("--check")) process.exit(next === page ? 0 : 1);
  writeFileSync(PAGE, next);
}
