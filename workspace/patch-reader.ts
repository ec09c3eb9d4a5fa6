/** Reads a mail with patches as `git apply` does, where there is only one way to read it. */

/** A text (latin1) that is read from its beginning. */
export class PatchReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  has(part: string): boolean {
    return this.#text.includes(part);
  }

  /** Goes past `expected` where that is what comes next. */
  take(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  ended(): boolean {
    return this.#at === this.#text.length;
  }

  /** The next line without its end, not gone past; undefined where there is no whole one. */
  peek(): string | undefined {
    const end = this.#text.indexOf("\n", this.#at);
    return end === -1 ? undefined : this.#text.slice(this.#at, end);
  }

  next(): string | undefined {
    const line = this.peek();
    if (line !== undefined) this.#at += line.length + 1;
    return line;
  }

  /** Goes past the lines that say how much each file changes, and the empty one behind them. */
  skipSummary(): boolean {
    for (let line = this.next(); line !== undefined; line = this.next()) {
      if (line === "") return true;
      if (!line.startsWith(" ")) return false;
    }
    return false;
  }
}

const NO_NEWLINE = "\\ No newline at end of file";

/**
 * What the hunks that come next make of a file. Undefined where one does not fit exactly where it says, or where git could put it
 * elsewhere.
 */
export function patched(mail: PatchReader, before: string): string | undefined {
  const old = linesOf(before);
  const made: string[] = [];
  let at = 0;
  for (let head = hunkHead(mail.peek()); head !== undefined; head = hunkHead(mail.peek())) {
    mail.next();
    const hunk = readHunk(mail, head);
    if (hunk === undefined || head.oldStart < at) return undefined;
    for (; at < head.oldStart && at < old.length; at++) made.push(old[at] ?? "");
    if (at !== head.oldStart || made.length !== head.newStart) return undefined;
    // Without lines around it a hunk belongs at the beginning, or at the end.
    if (!hunk.openedByContext && head.oldStart !== 0) return undefined;
    if (!hunk.closedByContext && head.oldStart + head.oldCount !== old.length) return undefined;
    if (!hunk.old.every((line, offset) => line === old[at + offset])) return undefined;
    at += hunk.old.length;
    made.push(...hunk.made);
  }
  return [...made, ...old.slice(at)].join("");
}

interface HunkHead {
  /** Lines in front of the hunk, before and after the change. */
  readonly oldStart: number;
  readonly newStart: number;
  readonly oldCount: number;
  readonly newCount: number;
}

function hunkHead(line: string | undefined): HunkHead | undefined {
  const found = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line ?? "");
  if (found === null) return undefined;
  const [, oldLine, oldCount = "1", newLine, newCount = "1"] = found;
  // A side without lines names the line in front of it.
  const start = (at: string | undefined, count: string) => Number(at) - (count === "0" ? 0 : 1);
  return {
    oldStart: start(oldLine, oldCount),
    newStart: start(newLine, newCount),
    oldCount: Number(oldCount),
    newCount: Number(newCount),
  };
}

interface Hunk {
  /** The lines that it takes for granted, and those it puts in their place, each with its end. */
  readonly old: readonly string[];
  readonly made: readonly string[];
  readonly openedByContext: boolean;
  readonly closedByContext: boolean;
}

function readHunk(mail: PatchReader, { oldCount, newCount }: HunkHead): Hunk | undefined {
  const old: string[] = [];
  const made: string[] = [];
  let first = "";
  let last = "";
  while (old.length < oldCount || made.length < newCount) {
    const line = mail.next();
    const kind = line?.[0];
    if (line === undefined || (kind !== " " && kind !== "-" && kind !== "+")) return undefined;
    const content = line.slice(1) + (mail.take(`${NO_NEWLINE}\n`) ? "" : "\n");
    if (kind !== "+") old.push(content);
    if (kind !== "-") made.push(content);
    if (first === "") first = kind;
    last = kind;
  }
  const fits = old.length === oldCount && made.length === newCount;
  return fits ? { old, made, openedByContext: first === " ", closedByContext: last === " " } : undefined;
}

/** The lines of a text with their ends; the last one may have none. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  const last = lines.pop();
  return [...lines.map((line) => `${line}\n`), ...(last ? [last] : [])];
}
