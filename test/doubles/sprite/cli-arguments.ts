/** Ends the program with a message on stderr, as the real one ends. */
export class Failure extends Error {
  readonly code: number;

  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

export interface Parsed {
  readonly command: string | undefined;
  readonly words: readonly string[];
  /** What comes after `--`; undefined where there is no `--`. */
  readonly rest: readonly string[] | undefined;
  readonly flags: ReadonlyMap<string, readonly string[]>;
}

/** Flags everywhere, and what they are called in full; a colon at the end stands for a value. */
const GLOBAL = ["o org:", "s sprite:", "debug", "h help", "version"];
const OWN: Readonly<Record<string, readonly string[]>> = {
  create: ["skip-console", "label:"],
  list: ["w watch", "prefix:"],
  exec: ["dir:", "tty", "env:", "http-post", "no-port-forward", "file:", "no-stdin"],
  destroy: ["force"],
  checkpoint: ["comment:", "history:", "include-auto"],
  api: [],
  sessions: [],
  restore: [],
};
const ALIASES: Readonly<Record<string, string>> = { x: "exec", ls: "list", s: "sessions" };

/** Flags may stand on both sides of the command; one that is not known is refused, as everything is until `--`. */
export function parse(argv: readonly string[]): Parsed {
  const flags = new Map<string, string[]>();
  const words: string[] = [];
  let command: string | undefined;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "--") return { command, words, rest: argv.slice(at + 1), flags };
    if (!word.startsWith("-") || word === "-") {
      if (command === undefined) command = ALIASES[word] ?? word;
      else words.push(word);
      continue;
    }
    const known = [...GLOBAL, ...(OWN[command ?? ""] ?? [])].map((row) => row.split(" "));
    const [given = "", inline] = word.replace(/^--?/, "").split(/=(.*)/s);
    const row = known.find((names) =>
      names.some((name) => name.replace(/:$/, "") === given && (given.length === 1) !== word.startsWith("--")),
    );
    if (row === undefined) {
      throw new Failure(
        word.startsWith("--") ? `unknown flag: ${word}` : `unknown shorthand flag: '${word[1]}' in ${word}`,
      );
    }
    const name = row.at(-1) ?? "";
    let value = inline ?? "true";
    if (name.endsWith(":") && inline === undefined) value = argv[++at] ?? "";
    const key = name.replace(/:$/, "");
    flags.set(key, [...(flags.get(key) ?? []), value]);
  }
  return { command, words, rest: undefined, flags };
}
