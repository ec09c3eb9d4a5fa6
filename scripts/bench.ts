// `bun run bench [NAME…] [--pairs N]`: glue against what people use otherwise, measured in interleaved pairs with the compiled binary, so
// that a busy machine slows both. Prints a table and writes dist/bench.json; asserts nothing.
import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ENTRIES } from "./bench/entries.ts";
import { type Row, runEntry } from "./bench/run-entry.ts";
import { compile, currentCommit, ROOT } from "./build/compile.ts";
import { nativeTarget } from "./build/targets.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { pairs: { type: "string" } } });
const unknown = positionals.filter((name) => !ENTRIES.some((entry) => entry.name === name));
if (unknown.length > 0) {
  console.error(`no entry ${unknown.join(", ")}; there are: ${ENTRIES.map((entry) => entry.name).join(", ")}`);
  process.exit(2);
}

const glue = join(ROOT, "dist", "glue");
await compile({ target: nativeTarget(), outfile: glue, commit: currentCommit() });

const rows: Row[] = [];
const failures: { name: string; reason: string }[] = [];
for (const entry of ENTRIES) {
  if (positionals.length > 0 && !positionals.includes(entry.name)) continue;
  const pairs = values.pairs === undefined ? entry.pairs : Number(values.pairs);
  console.error(`${entry.name}: ${pairs} pairs …`);
  try {
    rows.push(await runEntry({ ...entry, pairs }, glue));
  } catch (error) {
    // One entry that this machine cannot run must not take the others' figures with it; it is reported below.
    failures.push({ name: entry.name, reason: error instanceof Error ? error.message : String(error) });
  }
}

const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryGb: Math.round(totalmem() / 1e9) };
const result = { schemaVersion: 1, date: new Date().toISOString(), commit: currentCommit(), bun: Bun.version, machine };
writeFileSync(join(ROOT, "dist", "bench.json"), `${JSON.stringify({ ...result, rows, failures }, null, 2)}\n`);

const cells = rows.map((row) => ({
  entry: row.name,
  ratio: row.ratio,
  reach: `${row.kind === "time" ? "≤" : "≥"} ${row.reach}`,
  reached: row.reached ? "yes" : "no",
  ours: row.oursMiBs === undefined ? `${row.oursMs} ms` : `${row.oursMiBs} MiB/s`,
  theirs: row.theirsMiBs === undefined ? `${row.theirsMs} ms` : `${row.theirsMiBs} MiB/s`,
  pairs: row.pairs,
  "RSS MB": row.peakRssMb ?? "",
  "stalled MB": row.stalledPeakRssMb ?? "",
  "RSS ≤": row.rssAtMostMb ?? "",
}));
if (cells.length > 0) console.table(cells);
for (const { name, note } of rows) if (note !== undefined) console.log(`${name}: ${note}`);
for (const { name, reason } of failures) console.log(`${name}: not measured: ${reason}`);
process.exit(failures.length === 0 ? 0 : 1);
