import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Entry, Sides, TimedSides } from "./entry.ts";
import { measure } from "./measure.ts";

/** One row of the table and of `dist/bench.json`. */
export interface Row {
  readonly name: string;
  readonly what: string;
  readonly against: string;
  readonly kind: "time" | "throughput";
  /** Median of the pairs' ratios; see `Entry.measure`. */
  readonly ratio: number;
  readonly reach: number;
  readonly reached: boolean;
  readonly pairs: number;
  /** Medians of the wall times, in milliseconds. */
  readonly oursMs: number;
  readonly theirsMs: number;
  /** For `throughput`, from the medians. */
  readonly oursMiBs?: number;
  readonly theirsMiBs?: number;
  readonly peakRssMb?: number;
  readonly stalledPeakRssMb?: number;
  readonly rssAtMostMb?: number;
  readonly note?: string;
}

const STALL = "head -c 1000000 >/dev/null; sleep 3; cat >/dev/null";

/** Warms both sides up once and then measures them in turn, first one and then the other going first. */
export async function runEntry(entry: Entry, glue: string): Promise<Row> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "glue-bench-")));
  const env = environment(join(folder, ".glue-home"));
  const context: Context = { glue, folder, output: (argv) => output(argv, folder, env) };
  let sides: Sides | TimedSides | undefined;
  try {
    sides = await entry.prepare(context);
    const watchMemory = entry.memory !== undefined;
    const once = async (side: "ours" | "theirs") => {
      if (sides === undefined) throw new Error("not prepared");
      if (isTimed(sides)) return { milliseconds: await sides[side](), peakRssMb: undefined };
      return measure(sides[side], { folder, env, watchMemory: watchMemory && side === "ours" });
    };
    await once("ours");
    await once("theirs");
    const ours: number[] = [];
    const theirs: number[] = [];
    const peaks: number[] = [];
    for (let pair = 0; pair < entry.pairs; pair++) {
      for (const side of pair % 2 === 0 ? (["ours", "theirs"] as const) : (["theirs", "ours"] as const)) {
        const { milliseconds, peakRssMb } = await once(side);
        (side === "ours" ? ours : theirs).push(milliseconds);
        if (peakRssMb !== undefined) peaks.push(peakRssMb);
      }
    }
    const stalled =
      entry.memory?.stalled && !isTimed(sides)
        ? (await measure({ ...sides.ours, reader: STALL }, { folder, env, watchMemory })).peakRssMb
        : undefined;
    const note = isTimed(sides) ? sides.note?.() : sides.note;
    return { ...rowOf(entry, ours, theirs, peaks, stalled), ...(note === undefined ? {} : { note }) };
  } finally {
    await sides?.cleanup?.();
    rmSync(folder, { recursive: true, force: true });
  }
}

function isTimed(sides: Sides | TimedSides): sides is TimedSides {
  return typeof sides.ours === "function";
}

function rowOf(entry: Entry, ours: number[], theirs: number[], peaks: number[], stalled: number | undefined): Row {
  const { measure: measured, name, what, against, reach, pairs } = entry;
  const throughput = measured.kind === "throughput";
  const ratio = round(
    median(ours.map((time, pair) => (throughput ? (theirs[pair] ?? 0) / time : time / (theirs[pair] ?? 0)))),
    3,
  );
  const [oursMs, theirsMs] = [median(ours), median(theirs)];
  const rate = (milliseconds: number) =>
    measured.kind === "throughput" ? round(measured.bytes / 2 ** 20 / (milliseconds / 1000), 0) : 0;
  return {
    name,
    what,
    against,
    kind: measured.kind,
    ratio,
    reach,
    reached: throughput ? ratio >= reach : ratio <= reach,
    pairs,
    oursMs: round(oursMs, 2),
    theirsMs: round(theirsMs, 2),
    ...(throughput ? { oursMiBs: rate(oursMs), theirsMiBs: rate(theirsMs) } : {}),
    ...(peaks.length > 0 ? { peakRssMb: Math.max(...peaks) } : {}),
    ...(stalled === undefined ? {} : { stalledPeakRssMb: stalled }),
    ...(entry.memory === undefined ? {} : { rssAtMostMb: entry.memory.atMostMb }),
  };
}

/** Ours, less what would configure glue or git, plus a home for glue that goes with the folder. */
function environment(glueHome: string): Record<string, string> {
  const kept: Record<string, string> = { GLUE_HOME: glueHome };
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(GLUE|GIT)_/.test(name)) kept[name] = value;
  }
  return kept;
}

async function output(argv: readonly string[], cwd: string, env: Record<string, string>): Promise<string> {
  const run = Bun.spawn([...argv], { cwd, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, status] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  if (status !== 0) throw new Error(`${argv.join(" ")} ended with ${status}: ${stderr.slice(-500)}`);
  return stdout.trimEnd();
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
