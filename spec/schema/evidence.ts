import * as v from "valibot";
import type { CapabilitiesSpec } from "./capabilities.ts";
import { checkYaml } from "./check.ts";

const EvidenceSchema = v.strictObject({
  schemaVersion: v.literal(1),
  cells: v.record(
    v.string(),
    v.strictObject({
      tests: v.pipe(v.array(v.pipe(v.string(), v.nonEmpty())), v.nonEmpty()),
      against: v.pipe(v.string(), v.nonEmpty()),
      date: v.pipe(v.string(), v.isoDate()),
    }),
  ),
});

/** What `spec/evidence.json` holds: by `runtime.capability`, the tests that show it, against what, and when. */
export type Evidence = v.InferOutput<typeof EvidenceSchema>;

/** Parses and checks the file's text (JSON is YAML, and the YAML parser knows places). Throws `SpecError`. */
export function readEvidence(text: string, file: string): Evidence {
  return checkYaml(text, file, EvidenceSchema).data;
}

/** What is wrong between the matrix and its evidence, a sentence each. */
export function evidenceProblems(spec: CapabilitiesSpec, evidence: Evidence): string[] {
  const cells = new Map<string, string>(
    spec.runtimes.flatMap((runtime) =>
      Object.entries(runtime.capabilities).map(([name, value]) => [`${runtime.id}.${name}`, value] as const),
    ),
  );
  const unproven = [...cells]
    .filter(([cell, value]) => (value === "yes" || value === "partial") && evidence.cells[cell] === undefined)
    .map(([cell, value]) => `${cell} says ${value}, and no test shows it`);
  const unknown = Object.keys(evidence.cells)
    .filter((cell) => !cells.has(cell))
    .map((cell) => `${cell} has evidence, and there is no such cell`);
  return [...unproven, ...unknown];
}
