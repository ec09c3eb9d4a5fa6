// `bun run contract [-r RUNTIME…]`: puts runtimes to the contract suite and writes what was shown to spec/evidence.json. Nothing is
// written unless every test that ran passed. Cells of a runtime that could not be tested here stay as they are.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./build/compile.ts";
import { type Evidence, readRecords, unfinished, updated } from "./contract/evidence.ts";
import { PARTS } from "./test/parts.ts";
import { runPart } from "./test/run-part.ts";

const EVIDENCE = join(ROOT, "spec", "evidence.json");

const runtimes: string[] = [];
const args = process.argv.slice(2);
for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
  const next = arg === "-r" || arg === "--runtime" ? args.shift() : undefined;
  if (next === undefined) {
    console.error("usage: bun run contract [-r RUNTIME]…");
    process.exit(2);
  }
  runtimes.push(next);
}
if (runtimes.length > 0) process.env.GLUE_TEST_RUNTIMES = runtimes.join(",");

const found = PARTS.find(({ name }) => name === "contract");
if (found === undefined) throw new Error("there is no part named contract");
const { runtimes: _some, ...part } = found;
const folder = mkdtempSync(join(tmpdir(), "glue-contract-"));
try {
  const report = join(folder, "records.jsonl");
  process.env.GLUE_TEST_CONTRACT_REPORT = report;
  const began = performance.now();
  const { cases, problems } = await runPart(part, folder, []);
  const records = existsSync(report) ? readRecords(readFileSync(report, "utf8")) : [];
  const failures = [
    ...cases.filter(({ result }) => result === "failed").map(({ title }) => title),
    ...problems,
    ...unfinished(records),
  ];
  const skips = cases.filter(({ result }) => result === "skipped").map(({ title }) => title);
  for (const skip of skips) console.log(`skipped  ${skip}`);
  for (const failure of failures) console.log(`FAILED   ${failure}`);
  const passed = cases.length - skips.length - cases.filter(({ result }) => result === "failed").length;
  if (failures.length > 0) process.exitCode = 1;
  else writeEvidence(records);
  console.log(`in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  console.log(`${passed} passed, ${failures.length} failed, ${skips.length} skipped`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function writeEvidence(records: ReturnType<typeof readRecords>): void {
  if (records.length === 0) return;
  const none: Evidence = { schemaVersion: 1, cells: {} };
  const old = existsSync(EVIDENCE) ? (JSON.parse(readFileSync(EVIDENCE, "utf8")) as Evidence) : none;
  const now = updated(old, records, new Date().toISOString().slice(0, 10));
  writeFileSync(EVIDENCE, `${JSON.stringify(now, null, 2)}\n`);
  console.log(`wrote spec/evidence.json; bun run generate compiles it in`);
}
