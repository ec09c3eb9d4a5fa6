import type { FileEntry } from "./config-file.ts";
import { readConfig } from "./config-read.ts";
import type { RuntimeId } from "./generated/capabilities.ts";
import { OPTION_ROWS, type OptionKey, type OptionRow, type Options, type OptionValue } from "./generated/options.ts";
import { GlueError } from "./glue-error.ts";
import { checkText, envReference, optionRow, unknownOption } from "./option-values.ts";

/** The environment of a process. An empty variable counts as one that is not set. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where a value came from. */
export interface Source {
  readonly kind: "flag" | "env" | "file" | "default";
  /** The flag as it is typed, or the name of the variable. */
  readonly name?: string;
  readonly file?: string;
  /** Both from 1. */
  readonly line?: number;
  readonly column?: number;
  /** The variable that was read because the value there is `env:NAME`. */
  readonly via?: string;
  /** The other option that this value follows from, which has the place given. */
  readonly because?: OptionKey;
  /** Why the value there cannot be used: nobody needs it so far, so the default stands in. `demand` makes it an error. */
  readonly problem?: string;
  /** True where the problem is that the variable `via` is empty or not set. */
  readonly missing?: true;
}

export interface Resolved {
  readonly options: Options;
  readonly sources: Readonly<Record<OptionKey, Source>>;
  /** Sentences for people. */
  readonly warnings: readonly string[];
}

export interface ResolveInput {
  /** By option key, as text: `-r docker` is `runtime: "docker"`; `readSetFlags` reads `--set`. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly env: Env;
  /** Absolute. A missing file is fine. */
  readonly configPath: string;
  /**
   * `chosen` (the default): what the chosen runtime needs must be there and usable. `none`: for commands that only look (doctor,
   * config show, prune); `demand` asks for one runtime later.
   */
  readonly demand?: "chosen" | "none";
}

/**
 * Every option's value, by the precedence flag, environment, config file, default. Throws `optionInvalid` (flag, environment),
 * `configInvalid` and `configUnreadable` (file), `secretMissing`. A value of the environment, or an `env:NAME` without its variable, that only
 * another runtime reads is no error: it may be there for other programs.
 */
export async function resolveOptions(input: ResolveInput): Promise<Resolved> {
  const { flags = {}, env, configPath } = input;
  const unknown = Object.keys(flags).find((key) => optionRow(key) === undefined);
  if (unknown !== undefined) throw unknownOption(unknown);
  const config = await readConfig(configPath);
  const entries = new Map<string, FileEntry>(config?.entries.map((entry) => [entry.key, entry]));
  const options: Record<string, OptionValue | undefined> = {};
  const sources: Record<string, Source> = {};
  for (const row of OPTION_ROWS) {
    const { value, source } =
      fromFlag(row, flags, env) ?? fromEnv(row, env) ?? fromFile(row, entries, env, configPath) ?? fromDefault(row);
    options[row.key] = value;
    sources[row.key] = source;
  }
  const resolved = followDockerEnabled({
    options: options as unknown as Options,
    sources: sources as unknown as Record<OptionKey, Source>,
    warnings: config?.warnings ?? [],
  });
  if (input.demand !== "none") demand(resolved, resolved.options.runtime);
  return resolved;
}

/** Throws what keeps `runtime` from being used: an unusable value among its own and the common options, or a missing secret. */
export function demand(resolved: Pick<Resolved, "options" | "sources">, runtime: RuntimeId): void {
  for (const row of OPTION_ROWS) {
    if (row.group !== "common" && row.group !== runtime) continue;
    const source = resolved.sources[row.key];
    if (source.problem !== undefined) throw unusable(row, source);
    if (row.required && resolved.options[row.key] === undefined) {
      throw new GlueError("secretMissing", `The runtime ${runtime} needs ${row.key}, which is not set.`, {
        hint: `Set ${row.env.join(" or ")} in your environment.`,
      });
    }
  }
}

interface Found {
  readonly value: OptionValue | undefined;
  readonly source: Source;
}

function fromFlag(row: OptionRow, flags: Readonly<Record<string, string>>, env: Env): Found | undefined {
  const text = flags[row.key];
  if (text === undefined) return undefined;
  const source: Source = { kind: "flag", name: flagName(row.key) };
  if (row.secret && envReference(text) === undefined) {
    throw new GlueError(
      "optionInvalid",
      `${flagName(row.key)}: a secret on the command line can be read by every user of this machine.`,
      {
        hint: `Write ${flagName(row.key)}=env:NAME, or set ${row.env[0]}.`,
      },
    );
  }
  const found = fromText(row, text, source, env);
  if (found.source.problem !== undefined) throw unusable(row, found.source);
  return found;
}

function fromEnv(row: OptionRow, env: Env): Found | undefined {
  const name = row.env.find((candidate) => isSet(env[candidate]));
  if (name === undefined) return undefined;
  return fromText(row, env[name] ?? "", { kind: "env", name }, env);
}

function fromFile(row: OptionRow, entries: ReadonlyMap<string, FileEntry>, env: Env, file: string): Found | undefined {
  const entry = entries.get(row.key);
  if (entry === undefined) return undefined;
  const source: Source = { kind: "file", file, line: entry.line, column: entry.column };
  if (typeof entry.value === "string" && envReference(entry.value) !== undefined)
    return fromText(row, entry.value, source, env);
  if (!Array.isArray(entry.value)) return { value: entry.value as OptionValue, source };
  const items: string[] = [];
  for (const item of entry.value as string[]) {
    const found = dereference(item, env);
    if ("problem" in found) return { value: row.default, source: { ...source, ...found } };
    items.push(found.text);
  }
  return { value: items, source };
}

function fromDefault(row: OptionRow): Found {
  return { value: row.default, source: { kind: "default" } };
}

function fromText(row: OptionRow, text: string, source: Source, env: Env): Found {
  const found = dereference(text, env);
  if ("problem" in found) return { value: row.default, source: { ...source, ...found } };
  const at = found.via === undefined ? source : { ...source, via: found.via };
  const checked = checkText(row, found.text);
  return "problem" in checked
    ? { value: row.default, source: { ...at, problem: checked.problem } }
    : { value: checked.value, source: at };
}

/** The text itself, or what the variable holds that `env:NAME` names; one level only. */
function dereference(
  text: string,
  env: Env,
): { text: string; via?: string } | (Pick<Source, "via" | "missing"> & { problem: string }) {
  const reference = envReference(text);
  if (reference === undefined) return { text };
  if ("problem" in reference) return reference;
  const via = reference.name;
  const value = env[via];
  if (isSet(value)) return { text: value, via };
  return {
    problem: `the environment variable ${via} is ${value === undefined ? "not set" : "empty"}`,
    via,
    missing: true,
  };
}

/** `docker.enabled: true` chooses docker where nothing names a runtime; `false` chooses nothing. */
function followDockerEnabled(resolved: Resolved): Resolved {
  const { options, sources } = resolved;
  const runtime = optionRow("runtime");
  if (sources.runtime.problem !== undefined && runtime !== undefined) throw unusable(runtime, sources.runtime);
  if (sources.runtime.kind !== "default") return resolved;
  const enabled = sources["docker.enabled"];
  const row = optionRow("docker.enabled");
  if (enabled.problem !== undefined && row !== undefined) throw unusable(row, enabled);
  if (!options["docker.enabled"]) return resolved;
  return {
    ...resolved,
    options: { ...options, runtime: "docker" },
    sources: { ...sources, runtime: { ...enabled, because: "docker.enabled" } },
  };
}

function unusable(row: OptionRow, source: Source): GlueError {
  const problem = `${row.key}: ${source.problem}`;
  const { via: _, ...withoutVia } = source;
  const place = source.kind === "flag" ? source.name?.replace(/ .*/, "") : describeSource(withoutVia);
  const end = problem.endsWith("?") ? "" : ".";
  return new GlueError(row.secret && source.missing ? "secretMissing" : "optionInvalid", `${place}: ${problem}${end}`, {
    hint: source.missing ? `Set ${source.via}, or give ${row.key} another value.` : undefined,
  });
}

/** A source in the words of people: `flag --runtime`, `env GLUE_RUNTIME`, `/home/u/.glue/config.yaml:3:5`, `default`. */
export function describeSource(source: Source): string {
  const place = {
    flag: `flag ${source.name}`,
    env: `env ${source.name}`,
    file: `${source.file}:${source.line}:${source.column}`,
    default: "default",
  }[source.kind];
  const via = source.via === undefined ? place : `${place}, env ${source.via}`;
  return source.because === undefined ? via : `${source.because}, ${via}`;
}

function flagName(key: OptionKey): string {
  return key === "runtime" ? "--runtime" : `--set ${key}`;
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
