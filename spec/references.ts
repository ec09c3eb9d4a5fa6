import { readConfig } from "./config-read.ts";
import { defaultOptions } from "./defaults.ts";
import { OPTION_ROWS, type OptionKey, type OptionRow, type Options, type OptionValue } from "./generated/options.ts";
import { GlueError } from "./glue-error.ts";
import { checkValue, envReference } from "./option-values.ts";
import type { Env, Resolved } from "./resolve.ts";

/** Options as meta.json keeps them: plain JSON without any secret. Those of other runtimes are left out. */
export interface StoredOptions {
  readonly values: Readonly<Partial<Record<OptionKey, OptionValue>>>;
  /** `env:NAME`, or `file:PATH` for a secret that stands in the configuration file at that absolute path. */
  readonly secrets: Readonly<Partial<Record<OptionKey, string>>>;
}

/** What another process needs to have the same options. */
export function toReferences({ options, sources }: Pick<Resolved, "options" | "sources">): StoredOptions {
  const values: Partial<Record<OptionKey, OptionValue>> = {};
  const secrets: Partial<Record<OptionKey, string>> = {};
  for (const row of OPTION_ROWS) {
    const value = options[row.key];
    if (value === undefined || (row.group !== "common" && row.group !== options.runtime)) continue;
    if (!row.secret) {
      values[row.key] = value;
      continue;
    }
    const source = sources[row.key];
    const name = source.via ?? (source.kind === "env" ? source.name : undefined);
    if (name === undefined && source.file === undefined) {
      throw new GlueError("internal", `The secret ${row.key} has no source that could be stored.`);
    }
    secrets[row.key] = name === undefined ? `file:${source.file}` : `env:${name}`;
  }
  return { values, secrets };
}

/**
 * The options again, in another process with its own environment. An option that is not stored has its default, one that this
 * version does not know is passed over. Throws `sessionDamaged` for a value that does not fit, `secretMissing`, and what reading the
 * configuration file throws.
 */
export async function resolveReferences(stored: StoredOptions, env: Env): Promise<Options> {
  const options: Record<string, OptionValue | undefined> = { ...defaultOptions() };
  for (const row of OPTION_ROWS) {
    const value = stored.values[row.key];
    const reference = stored.secrets[row.key];
    if (row.secret) options[row.key] = reference === undefined ? undefined : await readSecret(row, reference, env);
    else if (value !== undefined) options[row.key] = accept(row, value);
  }
  return options as unknown as Options;
}

function accept(row: OptionRow, value: unknown): OptionValue {
  const checked = checkValue(row, value);
  if ("problem" in checked)
    throw new GlueError("sessionDamaged", `The session's option ${row.key}: ${checked.problem}.`);
  return checked.value;
}

async function readSecret(row: OptionRow, reference: string, env: Env): Promise<string> {
  if (reference.startsWith("file:")) {
    const file = reference.slice("file:".length);
    const entry = (await readConfig(file))?.entries.find((candidate) => candidate.key === row.key);
    if (typeof entry?.value !== "string") {
      throw new GlueError("secretMissing", `${row.key} no longer stands in ${file}.`, {
        hint: "This session was opened with it: put it back.",
      });
    }
    return envReference(entry.value) === undefined ? entry.value : readSecret(row, entry.value, env);
  }
  const found = envReference(reference);
  if (found === undefined || "problem" in found) {
    throw new GlueError("sessionDamaged", `The session's option ${row.key} refers to something unknown.`);
  }
  const value = env[found.name];
  if (value === undefined || value === "") {
    throw new GlueError(
      "secretMissing",
      `${row.key}: the environment variable ${found.name} is ${value === undefined ? "not set" : "empty"}.`,
      {
        hint: `This session was opened with it: set ${found.name}.`,
      },
    );
  }
  return value;
}
