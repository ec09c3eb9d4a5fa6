import { existsSync } from "node:fs";
import type { LiveJob } from "../session/live-ids.ts";
import { RUNTIME_IDS, RUNTIMES } from "../spec/generated/capabilities.ts";
import { OPTION_ROWS } from "../spec/generated/options.ts";
import type { AnyCommand, Arg, Completion } from "./command.ts";
import { COMMANDS, GROUPS } from "./commands.ts";

/** One thing that may follow. A value of `:file`, `:directory` or `:command` asks the shell for its own. */
export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/**
 * What may stand where the last of `words` stands; `words` is the command line after `glue`. Everything is offered that fits there;
 * the shell drops what does not begin with what is typed.
 */
export async function candidates(words: readonly string[]): Promise<Candidate[]> {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? "";
  const [first, second] = before;
  if (first === undefined) return await commandNames("");
  if (Object.hasOwn(COMMANDS, first)) return await within(first, before.slice(1), current);
  if (!Object.hasOwn(GROUPS, first)) return [];
  if (second === undefined) return await commandNames(`${first} `);
  const full = `${first} ${second}`;
  return Object.hasOwn(COMMANDS, full) ? await within(full, before.slice(2), current) : [];
}

/** The words that may follow `prefix`: commands, and groups in place of theirs. */
async function commandNames(prefix: string): Promise<Candidate[]> {
  const found = new Map<string, string>();
  for (const name of Object.keys(COMMANDS)) {
    if (!name.startsWith(prefix)) continue;
    const word = name.slice(prefix.length).split(" ")[0] ?? "";
    const command = await load(name);
    if (!command.hidden && !found.has(word)) found.set(word, GROUPS[prefix + word] ?? command.summary);
  }
  return [...found].map(([value, description]) => ({ value, description }));
}

async function within(name: string, before: readonly string[], current: string): Promise<Candidate[]> {
  const command = await load(name);
  const at = position(command, before);
  if (at.kind === "tail") return [{ value: at.first ? ":command" : ":file", description: "" }];
  if (at.kind === "value") return await values(at.arg, current);
  const equals = current.startsWith("--") ? current.indexOf("=") : -1;
  if (equals > 0) {
    const flag = current.slice(0, equals);
    const arg = flagArg(command, flag);
    const rest = arg === undefined ? [] : await values(arg, current.slice(equals + 1));
    return rest.map(({ value, description }) => ({
      value: value.startsWith(":") ? value : `${flag}=${value}`,
      description,
    }));
  }
  if (current.startsWith("-") && !at.flagsOver) return flags(command);
  const positional = Object.values(command.args).filter((arg) => arg.type === "positional")[at.positionals];
  if (positional) return await values(positional, current);
  return command.tail ? [{ value: ":command", description: "" }] : [];
}

type Position =
  | { readonly kind: "tail"; readonly first: boolean }
  | { readonly kind: "value"; readonly arg: Arg }
  | { readonly kind: "word"; readonly positionals: number; readonly flagsOver: boolean };

/** Reads the words before the current one as the parser would, but forgives what is not complete. */
function position(command: AnyCommand, before: readonly string[]): Position {
  let positionals = 0;
  for (let i = 0; i < before.length; i++) {
    const word = before[i] ?? "";
    if (word === "--") {
      if (command.tail) return { kind: "tail", first: i === before.length - 1 };
      return { kind: "word", positionals: positionals + before.length - 1 - i, flagsOver: true };
    }
    if (!word.startsWith("-") || word === "-") {
      if (command.tail) return { kind: "tail", first: false };
      positionals += 1;
      continue;
    }
    const arg = flagArg(command, word);
    if (arg === undefined || arg.type === "boolean" || word.includes("=")) continue;
    if (i === before.length - 1) return { kind: "value", arg };
    i += 1;
  }
  return { kind: "word", positionals, flagsOver: false };
}

/** The argument that a flag word names; of several letters, the last one counts. */
function flagArg(command: AnyCommand, word: string): Arg | undefined {
  if (word.startsWith("--"))
    return Object.hasOwn(command.args, word.slice(2)) ? command.args[word.slice(2)] : undefined;
  const letter = word.slice(-1);
  return Object.values(command.args).find((arg) => arg.type !== "positional" && arg.alias === letter);
}

function flags(command: AnyCommand): Candidate[] {
  const found: Candidate[] = [{ value: "--help", description: "Show the help of this command" }];
  for (const [name, arg] of Object.entries(command.args)) {
    if (arg.type === "positional" || arg.hidden) continue;
    const value = arg.type === "boolean" && arg.default ? `--no-${name}` : `--${name}`;
    found.push({ value, description: arg.description });
  }
  return found;
}

async function values(arg: Arg, current: string): Promise<Candidate[]> {
  if ("options" in arg && arg.options) return arg.options.map((value) => ({ value, description: "" }));
  return "complete" in arg && arg.complete ? await OFFERS[arg.complete](current) : [];
}

const OFFERS: Readonly<Record<Completion, (current: string) => Candidate[] | Promise<Candidate[]>>> = {
  file: () => [{ value: ":file", description: "" }],
  directory: () => [{ value: ":directory", description: "" }],
  runtime: () =>
    RUNTIME_IDS.map((id) => ({ value: id, description: RUNTIMES.find((one) => one.id === id)?.note ?? "" })),
  option: optionValues,
  session: sessions,
  "open-session": openSessions,
  job: () => jobs(() => true),
  "running-job": () => jobs(({ running }) => running),
  place: places,
};

/** The latest first, as zsh and fish keep the order. */
async function sessions(): Promise<Candidate[]> {
  const [{ homeAt }, { sessionIds }] = await Promise.all([import("../session/home.ts"), import("../session/store.ts")]);
  const home = homeAt();
  if (!existsSync(home.sessions)) return [];
  return sessionIds(home)
    .reverse()
    .map((value) => ({ value, description: "" }));
}

async function openSessions(): Promise<Candidate[]> {
  const [{ homeAt }, { liveSessions }] = await Promise.all([
    import("../session/home.ts"),
    import("../session/live-ids.ts"),
  ]);
  return liveSessions(homeAt()).map((value) => ({ value, description: "" }));
}

async function jobs(fits: (job: LiveJob) => boolean): Promise<Candidate[]> {
  const [{ homeAt }, { liveJobs }] = await Promise.all([
    import("../session/home.ts"),
    import("../session/live-ids.ts"),
  ]);
  return liveJobs(homeAt())
    .filter(fits)
    .map(({ id, text }) => ({ value: id, description: text }));
}

/** What `cp` takes: a file here, or `ID:` and a path in a sandbox, whose files are not asked for. */
async function places(): Promise<Candidate[]> {
  const sessions = await openSessions();
  return [
    { value: ":file", description: "" },
    ...sessions.map(({ value }) => ({ value: `${value}:`, description: "" })),
  ];
}

/** `KEY=`, and once that is there its values. */
function optionValues(current: string): Candidate[] {
  const equals = current.indexOf("=");
  if (equals < 0) return OPTION_ROWS.map((row) => ({ value: `${row.key}=`, description: row.sentence }));
  const row = OPTION_ROWS.find(({ key }) => key === current.slice(0, equals));
  const known = row?.values ?? (row?.type === "boolean" ? ["true", "false"] : []);
  return known.map((value) => ({ value: `${row?.key}=${value}`, description: "" }));
}

async function load(name: string): Promise<AnyCommand> {
  const loader = COMMANDS[name];
  if (loader === undefined) throw new TypeError(`no command is called "${name}"`);
  return (await loader()).command;
}
