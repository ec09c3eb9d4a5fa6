import type { ContractRecord } from "../../test/contract/report.ts";

/** One cell of the matrix that tests have shown, as `spec/evidence.json` keeps it. */
export interface CellEvidence {
  readonly tests: readonly string[];
  readonly against: string;
  /** YYYY-MM-DD. */
  readonly date: string;
}

export interface Evidence {
  readonly schemaVersion: 1;
  /** By `runtime.capability`. */
  readonly cells: Readonly<Record<string, CellEvidence>>;
}

/** The records in a report, a JSON value a line. */
export function readRecords(text: string): ContractRecord[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ContractRecord);
}

/** The tests that were started and never passed, as `runtime.capability: title`. */
export function unfinished(records: readonly ContractRecord[]): string[] {
  const key = ({ runtime, capability, title, against }: ContractRecord) =>
    `${runtime}.${capability}: ${title} (${against})`;
  const passed = new Set(records.filter(({ event }) => event === "passed").map(key));
  return [...new Set(records.map(key))].filter((test) => !passed.has(test));
}

/**
 * The evidence with every cell of the runtimes that were tested replaced by what passed `today` (YYYY-MM-DD); cells of other
 * runtimes stay as they are.
 */
export function updated(old: Evidence, records: readonly ContractRecord[], today: string): Evidence {
  const tested = new Set(records.map(({ runtime }) => runtime as string));
  const cells: Record<string, CellEvidence> = {};
  for (const [cell, evidence] of Object.entries(old.cells)) {
    if (!tested.has(cell.split(".")[0] ?? "")) cells[cell] = evidence;
  }
  const shown = Map.groupBy(
    records.filter(({ event }) => event === "passed"),
    ({ runtime, capability }) => `${runtime}.${capability}`,
  );
  for (const [cell, passed] of shown) {
    const unique = (words: string[]) => [...new Set(words)];
    cells[cell] = {
      tests: unique(passed.map(({ title }) => title)),
      against: unique(passed.map(({ against }) => against)).join("; "),
      date: today,
    };
  }
  return { schemaVersion: 1, cells: Object.fromEntries(Object.entries(cells).sort(([a], [b]) => (a < b ? -1 : 1))) };
}
