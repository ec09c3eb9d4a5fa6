import { stringify } from "yaml";
import type { OptionRow } from "../../spec/schema/options.ts";
import type { Spec } from "./load.ts";

const WIDTH = 100;

/** The annotated configuration that `glue config init` writes: every option, commented out, at its default. */
export function configInitText(spec: Spec): string {
  const common = spec.options.filter((row) => !row.key.includes("."));
  const sections = [
    ...new Set(spec.options.flatMap((row) => (row.key.includes(".") ? [row.key.split(".")[0] ?? ""] : []))),
  ];
  const parts = [
    [
      "# The configuration of glue. Every option is here, commented out, with its default.",
      "# Precedence: flag, environment variable, this file, default.",
      "# env:NAME as a value reads the environment variable NAME; write secrets that way.",
    ].join("\n"),
    ...common.map((row) => entry(row, row.key, "")),
    ...sections.map((section) => {
      const rows = spec.options.filter((row) => row.key.startsWith(`${section}.`));
      return [`${section}:`, ...rows.map((row) => entry(row, row.key.slice(section.length + 1), "  "))].join("\n");
    }),
  ];
  return `${parts.join("\n\n")}\n`;
}

function entry(row: OptionRow, name: string, indent: string): string {
  const facts = [
    row.values === undefined ? "" : `One of ${row.values.join(", ")}.`,
    row.default === undefined ? `Unless set, ${row.unsetMeans}.` : "",
    `Environment: ${row.env.join(", ")}.`,
  ].filter(Boolean);
  const comment = wrap(`${row.sentence} ${facts.join(" ")}`, WIDTH - indent.length - 2).map(
    (line) => `${indent}# ${line}`,
  );
  return [...comment, `${indent}# ${name}: ${example(row)}`].join("\n");
}

/** The default, or where there is none what a value would look like. */
function example(row: OptionRow): string {
  if (row.type === "secret-string") return `env:${row.env[0]}`;
  if (row.default === undefined) return "…";
  return stringify(row.default, { collectionStyle: "flow" }).trim();
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
