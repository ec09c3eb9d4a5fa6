import * as v from "valibot";
import { OPTION_SCHEMAS } from "./generated/option-schemas.ts";
import { OPTION_ROWS, type OptionKey, type OptionRow, type OptionValue } from "./generated/options.ts";
import { GlueError } from "./glue-error.ts";
import { nearest } from "./nearest.ts";

/** A value that fits its row, or why it does not: a clause such as `expected true or false, found "maybe"`. */
export type Checked = { readonly value: OptionValue } | { readonly problem: string };

const ROWS: ReadonlyMap<string, OptionRow> = new Map(OPTION_ROWS.map((row) => [row.key, row]));

/** The row of a key; undefined for a key that is not ours. */
export function optionRow(key: string): OptionRow | undefined {
  return ROWS.get(key);
}

/** The known option key most like `key`, if one is like enough; `imag` finds `docker.image`. */
export function nearestKey(key: string): OptionKey | undefined {
  const whole = nearest(key, ROWS.keys());
  if (whole !== undefined) return whole as OptionKey;
  const last = nearest(key, OPTION_ROWS.map(lastPart));
  return OPTION_ROWS.find((row) => lastPart(row) === last)?.key;
}

function lastPart(row: OptionRow): string {
  return row.key.slice(row.key.indexOf(".") + 1);
}

/** The error for a key that is not ours, with the nearest one that is. */
export function unknownOption(key: string): GlueError {
  const near = nearestKey(key);
  return new GlueError("optionInvalid", `Unknown option "${key}".`, {
    hint: near === undefined ? "glue config show lists all options." : `Did you mean ${near}?`,
  });
}

/** Checks a value that already has a type (from YAML or JSON) against its row. */
export function checkValue(row: OptionRow, value: unknown): Checked {
  if (v.is(OPTION_SCHEMAS[row.key], value)) return { value: value as OptionValue };
  const near = row.values !== undefined && typeof value === "string" ? nearest(value, row.values) : undefined;
  const quote = typeof value !== "string" && isText(row) && isScalar(value) ? "; put it in quotes" : "";
  return {
    problem: `expected ${expected(row)}, found ${found(row, value)}${quote}${near === undefined ? "" : `; did you mean "${near}"?`}`,
  };
}

/** Checks a text from a flag or an environment variable against its row. */
export function checkText(row: OptionRow, text: string): Checked {
  const value = typed(row, text);
  const checked = checkValue(row, value);
  // The text is what the user wrote, not what it was read as.
  return "problem" in checked && value !== text
    ? { problem: `expected ${expected(row)}, found ${found(row, text)}` }
    : checked;
}

/** The NAME of `env:NAME`; undefined for any other text; a clause about a name that cannot be one. */
export function envReference(value: unknown): { readonly name: string } | { readonly problem: string } | undefined {
  if (typeof value !== "string" || !value.startsWith("env:")) return undefined;
  const name = value.slice("env:".length);
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return { name };
  return { problem: `env: must be followed by the name of an environment variable, found "${name}"` };
}

/** What is wrong with a value of a configuration file, where `env:NAME` may stand for any value and for any item of a list. */
export function fileProblem(row: OptionRow, value: unknown): string | undefined {
  const reference = envReference(value);
  if (reference !== undefined) return "problem" in reference ? reference.problem : undefined;
  const checked = checkValue(row, value);
  if ("problem" in checked) return checked.problem;
  for (const item of Array.isArray(value) ? value : []) {
    const inner = envReference(item);
    if (inner !== undefined && "problem" in inner) return inner.problem;
  }
  return undefined;
}

/** True where a secret itself stands in the value, and not the name of the variable that holds it. */
export function isSecretText(row: OptionRow | undefined, value: unknown): boolean {
  return row?.secret === true && envReference(value) === undefined;
}

const TRUE = new Set(["true", "yes", "on", "1"]);
const FALSE = new Set(["false", "no", "off", "0"]);

function typed(row: OptionRow, text: string): unknown {
  switch (row.type) {
    case "boolean": {
      const lower = text.trim().toLowerCase();
      return TRUE.has(lower) ? true : FALSE.has(lower) ? false : text;
    }
    case "integer":
    case "number":
      return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text.trim()) ? Number(text) : text;
    case "list":
      return text.split(row.separator ?? "\n").filter((item) => item !== "");
    default:
      return text;
  }
}

/** What a row takes, for people: `a whole number of at least 1`. */
export function expected(row: OptionRow): string {
  switch (row.type) {
    case "boolean":
      return "true or false";
    case "enum":
    case "runtime":
      return `one of ${(row.values ?? []).join(", ")}`;
    case "list":
      return "a list of texts";
    case "integer":
    case "number":
      return `${row.type === "integer" ? "a whole number" : "a number"}${range(row)}`;
    default:
      return row.patternMeans ?? "a text that is not empty";
  }
}

function range(row: OptionRow): string {
  if (row.min !== undefined && row.max !== undefined) return ` from ${row.min} to ${row.max}`;
  if (row.min !== undefined) return ` of at least ${row.min}`;
  if (row.max !== undefined) return ` of at most ${row.max}`;
  return "";
}

function found(row: OptionRow, value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (value === "") return "an empty text";
  if (Array.isArray(value)) {
    const odd: unknown = value.find((item) => typeof item !== "string" || item === "");
    return value.length === 0
      ? "an empty list"
      : `a list${odd === undefined || Array.isArray(odd) ? "" : ` with ${found(row, odd)}`}`;
  }
  if (typeof value === "object") return "a section";
  if (row.secret) return typeof value === "string" ? "something else" : `a ${typeof value}`;
  if (typeof value === "string") return `"${short(value)}"`;
  return `${typeof value === "number" ? "the number " : ""}${String(value)}`;
}

function short(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}

function isText(row: OptionRow): boolean {
  return row.type === "string" || row.type === "secret-string";
}

function isScalar(value: unknown): boolean {
  return typeof value === "number" || typeof value === "boolean";
}
