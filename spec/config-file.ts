import { OPTION_ROWS, type OptionKey, type OptionRow } from "./generated/options.ts";
import { fileProblem, isSecretText, nearestKey, optionRow } from "./option-values.ts";
import { type Position, type Problem, parseYaml } from "./yaml-source.ts";

/** One option that the file sets. */
export interface FileEntry extends Position {
  readonly key: OptionKey;
  /** As the row's type asks, or the text `env:NAME`, which is not resolved yet (in a list: its items). */
  readonly value: unknown;
}

/** A configuration file, read and checked. */
export interface ConfigFile {
  readonly entries: readonly FileEntry[];
  /** True where a secret stands in the file itself and not as `env:NAME`. */
  readonly holdsSecret: boolean;
}

const SECTIONS: ReadonlySet<string> = new Set(
  OPTION_ROWS.flatMap((row) => (row.key.includes(".") ? [sectionOf(row.key)] : [])),
);

/** Parses a configuration; every problem has its place, in the order of the file. Nothing of a file with problems may be used. */
export function parseConfig(text: string, file: string): ConfigFile & { readonly problems: readonly Problem[] } {
  const source = parseYaml(text, file);
  const entries: FileEntry[] = [];
  const problems: Problem[] = [...source.problems];
  const report = (place: Position, message: string) => problems.push({ file, ...place, message });

  function leaf(row: OptionRow, path: readonly string[], value: unknown): void {
    const place = source.locate(path);
    const problem = fileProblem(row, value);
    if (problem !== undefined) report(place, `${row.key}: ${problem}`);
    else entries.push({ key: row.key, value, ...place });
  }

  function walk(data: object, prefix: readonly string[]): void {
    for (const [name, value] of Object.entries(data)) {
      const path = [...prefix, name];
      const key = path.join(".");
      const row = name.includes(".") ? undefined : optionRow(key);
      if (row !== undefined) leaf(row, path, value);
      else if (prefix.length === 0 && SECTIONS.has(name)) section(name, value);
      else report(source.locate(path, "key"), `unknown key "${key}"${suggestion(name, key)}`);
    }
  }

  function section(name: string, value: unknown): void {
    // A section whose rows are all commented out has no value.
    if (value === null) return;
    if (isMapping(value)) walk(value, [name]);
    else report(source.locate([name]), `${name}: expected a section with keys of its own`);
  }

  if (problems.length === 0 && source.data !== undefined) {
    if (isMapping(source.data)) walk(source.data, []);
    else report(source.locate([]), "expected keys and values, such as `runtime: docker`");
  }
  const holdsSecret = entries.some(({ key, value }) => isSecretText(optionRow(key), value));
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  return { entries, holdsSecret, problems };
}

function suggestion(name: string, key: string): string {
  if (name.includes(".") && optionRow(name) !== undefined) {
    return `; write it as a key ${name.slice(name.indexOf(".") + 1)} under ${sectionOf(name)}`;
  }
  const near = SECTIONS.has(sectionOf(key)) || !key.includes(".") ? nearestKey(key) : undefined;
  return near === undefined ? "; glue config schema lists all keys" : `; did you mean "${near}"?`;
}

function sectionOf(key: string): string {
  return key.slice(0, key.indexOf("."));
}

function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
