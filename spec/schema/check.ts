import * as v from "valibot";
import { formatProblem, type Problem, parseYaml, type YamlSource } from "../yaml-source.ts";

/** A file of the spec is wrong; the message has one `file:line:column: …` line for each problem. */
export class SpecError extends Error {
  override readonly name = "SpecError";
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}

/** A file of the spec that has passed its schema. */
export interface CheckedYaml<T> {
  readonly data: T;
  readonly source: YamlSource;
  /** A `SpecError` about the value (or the key) at `path`, for the checks that a schema cannot say. */
  fail(path: readonly (string | number)[], message: string): SpecError;
}

/** Parses `text` and checks it against `schema`. Throws `SpecError` naming every problem. */
export function checkYaml<S extends v.GenericSchema>(
  text: string,
  file: string,
  schema: S,
): CheckedYaml<v.InferOutput<S>> {
  const source = parseYaml(text, file);
  if (source.problems.length > 0) throw new SpecError(source.problems);
  const result = v.safeParse(schema, source.data);
  if (!result.success) throw new SpecError(result.issues.map((issue) => describe(issue, source)));
  return {
    data: result.output,
    source,
    fail: (path, message) => new SpecError([{ file, ...source.locate(path), message }]),
  };
}

function describe(issue: v.GenericIssue, source: YamlSource): Problem {
  const path = (issue.path ?? []).map((item) => item.key as string | number);
  const unknownKey = issue.type === "strict_object" && issue.expected === "never";
  const place = source.locate(path, unknownKey ? "key" : "value");
  const name = path.length === 0 ? "the document" : path.join(".");
  const message = unknownKey
    ? `unknown key "${String(path.at(-1))}"`
    : issue.type === "strict_object" && issue.received === "undefined"
      ? `${name} is missing`
      : `${name}: ${issue.message}`;
  return { file: source.file, ...place, message };
}

/** The first value that occurs twice, with the index of its second occurrence; undefined where all differ. */
export function firstDuplicate<T>(values: readonly T[]): { value: T; index: number } | undefined {
  const seen = new Set<T>();
  for (const [index, value] of values.entries()) {
    if (seen.has(value)) return { value, index };
    seen.add(value);
  }
  return undefined;
}
