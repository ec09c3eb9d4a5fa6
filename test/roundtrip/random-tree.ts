/** Random trees and random edits of them, as lines of sh. */
import fc from "fast-check";
import { fullRuns } from "../support/roundtrip-on.ts";

const PATHS = [
  "a",
  "b",
  "d",
  "d/x",
  "d/y",
  "d/e/z",
  "sp ace",
  'q"uo\\te',
  "-dash",
  "ünï",
  "new\nline",
  "f.txt",
  "f.TXT",
  "exec.sh",
];
export const path = fc.constantFrom(...PATHS);
export const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .constantFrom("line\n", "a\r\nb\r\n", "no end", "", "x\0y", "--- a\n+++ b\n")
    .map((text) => new TextEncoder().encode(text)),
);

/** A word of sh that stands for exactly these characters. */
export function word(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function write(name: string, content: Uint8Array, operator: string): string {
  const escaped = [...content].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  const file = word(`./${name}`);
  return `mkdir -p "$(dirname ${file})" && printf ${word(escaped)} ${operator}${file}`;
}

const mode = fc.constantFrom("+x", "-x", "600", "640", "755", "711", "u+s", "444");

/** One edit of the files; it may fail, where there is nothing to edit. */
export const edit = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(path, bytes).map(([name, content]) => write(name, content, ">")) },
  { weight: 4, arbitrary: fc.tuple(path, bytes).map(([name, content]) => write(name, content, ">>")) },
  { weight: 3, arbitrary: path.map((name) => `rm -rf ${word(`./${name}`)}`) },
  { weight: 3, arbitrary: fc.tuple(path, path).map(([from, to]) => `mv ${word(`./${from}`)} ${word(`./${to}`)}`) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(mode, path)
      .map(([bits, name]) => `[ -d ${word(`./${name}`)} ] || chmod ${bits} ${word(`./${name}`)}`),
  },
  { weight: 2, arbitrary: fc.tuple(path, path).map(([to, name]) => `ln -sfn ${word(to)} ${word(`./${name}`)}`) },
  { weight: 1, arbitrary: path.map((name) => `touch -d @1000000000 ${word(`./${name}`)}`) },
);

/** Files with what they hold, as the lines that make them. */
export const start = fc
  .uniqueArray(fc.tuple(path, bytes, mode), { selector: ([name]) => name, maxLength: 6 })
  .map((files) =>
    files
      .map(
        ([name, content, bits]) =>
          `${write(name, content, ">")} 2>/dev/null && chmod ${bits} ${word(`./${name}`)} || :`,
      )
      .join("\n"),
  );

/** How many random runs: the usual number, or that of a full run, or `GLUE_TEST_RUNS`; `GLUE_TEST_SEED` repeats one. */
export function runs(usual: number, full: number): { readonly numRuns: number; readonly seed?: number } {
  const numRuns = Number(process.env.GLUE_TEST_RUNS ?? (process.env.GLUE_TEST_FULL === "1" ? fullRuns(full) : usual));
  const seed = process.env.GLUE_TEST_SEED;
  return { numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) };
}

/** Does what can be done of these lines, and no more. */
export function attempt(lines: readonly string[]): string {
  return `set +e\n{ ${[...lines, ":"].join("\n")}\n} >/dev/null 2>&1; true`;
}
