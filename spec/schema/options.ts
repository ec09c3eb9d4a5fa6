import * as v from "valibot";
import type { RuntimeRow } from "./capabilities.ts";
import { type CheckedYaml, checkYaml } from "./check.ts";

const Sentence = v.pipe(v.string(), v.nonEmpty("must not be empty"));
const EnvName = v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]*$/, "must be a variable name in capitals"));
const Scalar = v.union([v.string(), v.number(), v.boolean(), v.array(v.string())]);

const RowsSchema = v.array(
  v.strictObject({
    key: v.pipe(
      v.string(),
      v.regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$/, "must be name or name.name in lower case"),
    ),
    env: v.optional(v.pipe(v.array(EnvName), v.nonEmpty("must not be empty"))),
    type: v.picklist(["string", "integer", "number", "boolean", "enum", "list", "secret-string", "runtime"]),
    values: v.optional(v.pipe(v.array(v.string()), v.nonEmpty("must not be empty"))),
    default: v.optional(Scalar),
    default_limit: v.optional(v.picklist(["bundle_cap_mb"])),
    required: v.optional(v.boolean()),
    unset_means: v.optional(Sentence),
    min: v.optional(v.number()),
    max: v.optional(v.number()),
    separator: v.optional(v.pipe(v.string(), v.length(1))),
    pattern: v.optional(v.string()),
    pattern_means: v.optional(Sentence),
    sentence: v.pipe(v.string(), v.regex(/^[^\n]+\.$/, "must be one line that ends with a full stop")),
  }),
);

type RawRow = v.InferOutput<typeof RowsSchema>[number];

/** One option, with everything that the YAML leaves implicit filled in. */
export interface OptionRow {
  readonly key: string;
  /** The file's name: the runtime that alone reads it, or "common". */
  readonly group: string;
  readonly env: readonly string[];
  readonly type: RawRow["type"];
  /** The values of an enum or of a runtime. */
  readonly values: readonly string[] | undefined;
  readonly default: string | number | boolean | readonly string[] | undefined;
  readonly required: boolean;
  readonly unsetMeans: string | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly separator: string | undefined;
  readonly pattern: string | undefined;
  readonly patternMeans: string | undefined;
  readonly sentence: string;
}

/** One checked file of `spec/options`. */
export interface OptionFile {
  readonly rows: readonly OptionRow[];
  /** A `SpecError` about the row at `path[0]`. */
  readonly fail: CheckedYaml<unknown>["fail"];
}

/** Parses and checks one file of `spec/options`; `group` is its name without `.yaml`. Throws `SpecError`. */
export function readOptions(text: string, file: string, group: string, runtimes: readonly RuntimeRow[]): OptionFile {
  const checked = checkYaml(text, file, RowsSchema);
  const rows = checked.data.map((raw, index) => {
    const problem = problemOf(raw, group, runtimes);
    if (problem !== undefined) throw checked.fail([index, problem.at], `${raw.key}: ${problem.message}`);
    return fill(raw, group, runtimes);
  });
  return { rows, fail: checked.fail };
}

/** Refuses a key or an environment variable that two rows claim, in one file or in two. Throws `SpecError`. */
export function refuseClashes(files: readonly OptionFile[]): void {
  const owners = new Map<string, string>();
  for (const { rows, fail } of files) {
    for (const [index, row] of rows.entries()) {
      for (const name of [row.key, ...row.env]) {
        const other = owners.get(name);
        if (other !== undefined) throw fail([index, "key"], `${name} is declared twice, by ${other} and by ${row.key}`);
        owners.set(name, row.key);
      }
    }
  }
}

interface RowProblem {
  readonly at: keyof RawRow;
  readonly message: string;
}

function problemOf(raw: RawRow, group: string, runtimes: readonly RuntimeRow[]): RowProblem | undefined {
  const limits = runtimes.find((runtime) => runtime.id === group)?.limits;
  if (group !== "common" && limits === undefined) return { at: "key", message: `${group} is not a runtime` };
  if (group !== "common" && !raw.key.startsWith(`${group}.`))
    return { at: "key", message: `must begin with "${group}."` };
  if (group === "common" && runtimes.some((runtime) => raw.key.startsWith(`${runtime.id}.`))) {
    return { at: "key", message: "belongs into the file of its runtime" };
  }
  if ((raw.default === undefined) === (raw.default_limit === undefined)) {
    return { at: "key", message: "needs either default or default_limit" };
  }
  if (raw.default_limit !== undefined && limits?.[raw.default_limit] === undefined) {
    return { at: "default_limit", message: `${group} has no limit ${raw.default_limit}` };
  }
  if ((raw.default === "none") !== (raw.unset_means !== undefined)) {
    return { at: "default", message: "unset_means goes with `default: none`, and only with it" };
  }
  if ((raw.type === "enum") !== (raw.values !== undefined))
    return { at: "type", message: "values go with an enum, and only with it" };
  if ((raw.type === "list") !== (raw.separator !== undefined))
    return { at: "type", message: "a separator goes with a list, and only with it" };
  if ((raw.min !== undefined || raw.max !== undefined) && raw.type !== "integer" && raw.type !== "number") {
    return { at: "type", message: "min and max go with a number" };
  }
  if ((raw.pattern !== undefined) !== (raw.pattern_means !== undefined))
    return { at: "key", message: "pattern and pattern_means go together" };
  if (raw.pattern !== undefined && raw.type !== "string")
    return { at: "type", message: "a pattern goes with a string" };
  if (raw.type === "secret-string" && raw.default !== "none")
    return { at: "default", message: "a secret has no default" };
  if (raw.required && raw.type !== "secret-string") return { at: "required", message: "only a secret can be required" };
  const value = raw.default;
  if (value !== undefined && value !== "none" && !fits(raw, value, runtimes))
    return { at: "default", message: `the default does not fit the type ${raw.type}` };
  return undefined;
}

function fits(raw: RawRow, value: NonNullable<RawRow["default"]>, runtimes: readonly RuntimeRow[]): boolean {
  switch (raw.type) {
    case "integer":
    case "number":
      return (
        typeof value === "number" &&
        (raw.type === "number" || Number.isInteger(value)) &&
        value >= (raw.min ?? Number.NEGATIVE_INFINITY) &&
        value <= (raw.max ?? Number.POSITIVE_INFINITY)
      );
    case "boolean":
      return typeof value === "boolean";
    case "list":
      return Array.isArray(value);
    case "enum":
      return typeof value === "string" && (raw.values ?? []).includes(value);
    case "runtime":
      return runtimes.some((runtime) => runtime.id === value);
    default:
      return (
        typeof value === "string" && value !== "" && (raw.pattern === undefined || new RegExp(raw.pattern).test(value))
      );
  }
}

function fill(raw: RawRow, group: string, runtimes: readonly RuntimeRow[]): OptionRow {
  const limits = runtimes.find((runtime) => runtime.id === group)?.limits;
  return {
    key: raw.key,
    group,
    env: raw.env ?? [`GLUE_${raw.key.toUpperCase().replaceAll(".", "_")}`],
    type: raw.type,
    values: raw.type === "runtime" ? runtimes.map((runtime) => runtime.id) : raw.values,
    default:
      raw.default_limit !== undefined ? limits?.[raw.default_limit] : raw.default === "none" ? undefined : raw.default,
    required: raw.required ?? false,
    unsetMeans: raw.unset_means,
    min: raw.min,
    max: raw.max,
    separator: raw.separator,
    pattern: raw.pattern,
    patternMeans: raw.pattern_means,
    sentence: raw.sentence,
  };
}
