import { posix } from "node:path";
import { GlueError } from "../../spec/glue-error.ts";
import { collect, fileNames, shown } from "./file-list.ts";
import { grepArgv } from "./grep-program.ts";
import { defineTool } from "./tool.ts";

/** What is fetched of the matches, in bytes, and what is shown of them, in lines and characters of one line. */
const FETCHED = 4_000_000;
const SHOWN = 250;
const LONGEST_LINE = 400;

export const grep = defineTool({
  name: "grep",
  description:
    "Search the contents of the session's files for a regular expression. Matches come as file:line:text, sorted, lines around them as file-line-text. What .gitignore names and binary files are left out. No look-around and no back-references.",
  params: {
    pattern: {
      type: "string",
      required: true,
      description: "A regular expression, for instance function\\s+\\w+, matched line by line.",
    },
    path: { type: "string", description: "The folder or the file to search. Default: the project folder." },
    glob: { type: "string", description: "Only files whose name fits, for instance *.ts or src/**/*.c." },
    ignore_case: { type: "boolean", description: "Upper and lower case are the same." },
    literal: { type: "boolean", description: "The pattern is plain text." },
    context: { type: "integer", minimum: 0, description: "How many lines to show around each match. Default 0." },
    files_only: { type: "boolean", description: "Only the names of files that match." },
  },
  readOnly: true,
  async run(args, call) {
    const { workshop } = call;
    const session = await workshop.session(call);
    const facts = await workshop.facts(session);
    const { folder, names } = await candidates();
    const argv = grepArgv(facts, args);
    if (names.length === 0) return "[no file to search]";
    const list = Buffer.from(names.map((name) => `./${name}\0`).join(""), "latin1");
    const found = await collect(session, { argv }, folder, call, FETCHED, list);
    if (found.stdout.length === 0 && found.stderr.trim() !== "")
      throw new GlueError(
        "optionInvalid",
        `grep: ${found.stderr
          .trim()
          .split("\n")
          .at(-1)
          ?.replace(/^grep: /, "")}`,
      );
    const all = ordered(found.stdout.toString("latin1"), names);
    const odd = facts.rg || facts.perlGrep ? new Set<string>() : await binaryOnes(all);
    const lines = all.filter(({ name }) => !odd.has(name));
    if (lines.length === 0) return "[no match]";
    const wanted = args.files_only ? [...new Set(lines.map(({ name }) => shown(name)))] : lines.map(textOf);
    const rest = wanted.length - SHOWN;
    const more = found.whole ? `${rest} more lines` : "there are more";
    const note = rest > 0 || !found.whole ? [`[${more}; narrow the pattern, the path or the glob]`] : [];
    return [...wanted.slice(0, SHOWN), ...note].join("\n");

    /** Those of the files shown first that are binary: a grep that is not GNU's does not tell. */
    async function binaryOnes(of: readonly Found[]): Promise<Set<string>> {
      const first = [...new Set(of.slice(0, SHOWN).map(({ name }) => name))];
      if (first.length === 0) return new Set();
      const asked = Buffer.from(first.map((name) => `./${name}\0`).join(""), "latin1");
      const { stdout } = await collect(session, { argv: IS_BINARY }, folder, call, FETCHED, asked);
      return new Set(
        stdout
          .toString("latin1")
          .split("\n")
          .map((name) => name.replace(/^\.\//, "")),
      );
    }

    async function candidates() {
      const path = workshop.path(session, args.path ?? ".");
      const entry = await session.runtime.workspace.stat(path);
      if (entry === undefined) throw new GlueError("fileNotFound", `There is nothing at ${path}.`);
      if (entry.type === "file")
        return { folder: posix.dirname(path), names: [Buffer.from(posix.basename(path)).toString("latin1")] };
      const filter = args.glob === undefined ? undefined : new Bun.Glob(anywhere(args.glob));
      const all = await fileNames(session, path, call);
      // A name with a line feed cannot be told from the next line of the answer.
      return {
        folder: path,
        names: all.filter((name) => !name.includes("\n") && filter?.match(shown(name)) !== false),
      };
    }
  },
});

const IS_BINARY = [
  "xargs",
  "-0",
  "sh",
  "-c",
  `for f; do [ "$(head -c 8000 "$f" | wc -c)" = "$(head -c 8000 "$f" | tr -d '\\000' | wc -c)" ] || echo "$f"; done`,
  "sh",
] as const;

/** A pattern without a folder fits in every folder. */
function anywhere(pattern: string): string {
  return pattern.includes("/") ? pattern.replace(/^\//, "") : `**/${pattern}`;
}

interface Found {
  readonly name: string;
  readonly line: number;
  readonly match: boolean;
  readonly text: string;
}

/** The lines of the answer by file and number, whatever order they came in. */
function ordered(text: string, names: readonly string[]): Found[] {
  const order = new Map(names.map((name, at) => [name, at]));
  const binary = new Set<string>();
  const found: Found[] = [];
  for (const line of text.split("\n")) {
    const said = /^(?:\.\/)?(.*): binary file matches/.exec(line)?.[1];
    if (said !== undefined && order.has(said)) binary.add(said);
    else found.push(...parsed(line, order));
  }
  return found
    .filter(({ name, text }) => !binary.has(name) && !text.includes("\0"))
    .sort((a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0) || a.line - b.line);
}

/** `name:line:text` of a match, `name-line-text` of a line near one. The name is one of those that were searched. */
function* parsed(line: string, order: ReadonlyMap<string, number>): Generator<Found> {
  const plain = line.replace(/^\.\//, "");
  for (const mark of plain.matchAll(/([:-])(\d+)\1/g)) {
    const name = plain.slice(0, mark.index);
    if (!order.has(name)) continue;
    const text = plain.slice(mark.index + mark[0].length);
    yield { name, line: Number(mark[2]), match: mark[1] === ":", text };
    return;
  }
}

function textOf({ name, line, match, text }: Found): string {
  const mark = match ? ":" : "-";
  const full = shown(text).replace(/\r$/, "");
  const cut = full.length > LONGEST_LINE ? `${full.slice(0, LONGEST_LINE)} [… ${full.length} characters]` : full;
  return `${shown(name)}${mark}${line}${mark}${cut}`;
}
