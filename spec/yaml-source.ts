import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit, type YAMLError } from "yaml";

/** Where something stands in a file; line and column count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong with a file, at its place. */
export interface Problem extends Position {
  readonly file: string;
  readonly message: string;
}

/** `file:line:column: message`, the form that editors can jump to. */
export function formatProblem(problem: Problem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** A parsed YAML text that still knows where each value stood. */
export interface YamlSource {
  readonly file: string;
  /** Plain JavaScript values; undefined for an empty document. Not to be relied on when there are problems. */
  readonly data: unknown;
  /** Broken syntax, duplicate keys, unknown tags, more than one document; in the order of the file. */
  readonly problems: readonly Problem[];
  /** The place of the value at `path`; of its key with `of: "key"`; of the nearest parent that exists where there is none. */
  locate(path: readonly (string | number)[], of?: "key" | "value"): Position;
}

/** Parses YAML 1.2. Never throws for what the text holds: that is in `problems`. */
export function parseYaml(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: true,
    prettyErrors: false,
  });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const found = [...document.errors, ...document.warnings].map((error) => ({
    offset: error.pos[0],
    message: explain(error, text),
  }));
  visit(document, {
    // The parser itself only finds these when it is asked for the data, and no longer knows where.
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return;
      found.push({ offset: alias.range?.[0] ?? 0, message: `there is no anchor "&${alias.source}" before this alias` });
    },
  });
  const problems = found
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, message }): Problem => ({ file, ...at(offset), message }));

  function locate(path: readonly (string | number)[], of: "key" | "value" = "value"): Position {
    let node: Node | null | undefined = document.contents;
    let offset = node?.range?.[0] ?? 0;
    for (const [index, part] of path.entries()) {
      if (isAlias(node)) node = node.resolve(document);
      let next: Node | null | undefined;
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
        const key = pair?.key as Node | undefined;
        if (key?.range === undefined || key.range === null) break;
        next = pair?.value as Node | null | undefined;
        const last = index === path.length - 1;
        // An empty value has no text of its own worth pointing at: its key has.
        const empty = next === null || next === undefined || (isScalar(next) && next.value === null);
        offset = (last && of === "key") || empty ? key.range[0] : (next?.range?.[0] ?? key.range[0]);
      } else if (isSeq(node)) {
        next = node.items[Number(part)] as Node | undefined;
        offset = next?.range?.[0] ?? offset;
      }
      if (next === undefined || next === null) break;
      node = next;
    }
    return at(offset);
  }

  let data: unknown;
  if (problems.length === 0) {
    try {
      data = document.toJS() ?? undefined;
    } catch (error) {
      // So many aliases that they would fill the memory.
      return {
        file,
        data: undefined,
        problems: [
          { file, line: 1, column: 1, message: oneLine(error instanceof Error ? error.message : String(error)) },
        ],
        locate,
      };
    }
  }
  return { file, data, problems, locate };
}

function explain(error: YAMLError, text: string): string {
  switch (error.code) {
    case "DUPLICATE_KEY":
      return `the key "${/^[^:\s]*/.exec(text.slice(error.pos[0]))?.[0]}" stands here twice`;
    case "MULTIPLE_DOCS":
      return "a second document begins here (---); only one is read";
    default:
      return oneLine(error.message);
  }
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, " ").trim();
}
