import type { ArgsDef } from "citty";
import { GlueError } from "../spec/glue-error.ts";
import { nearest } from "../spec/nearest.ts";
import { type Arg, type Args, type CommandInfo, type Value, wordOf } from "./command.ts";

/** What a command line says, before types: `values` has a property for each of the command's `args`. */
export interface Parsed {
  readonly values: { readonly [name: string]: Value; readonly tail: readonly string[] };
  readonly help: boolean;
}

type Flag = Exclude<Arg, { type: "positional" }>;

/**
 * Reads `argv` (what follows the command's name) by the command's `args`. citty assigns and types the values; it accepts unknown
 * flags, takes a missing value for an empty one, keeps the last of repeated flags and has no end of its own flags before
 * another program's, so all of that is settled here first. Throws `usage`.
 */
export async function parse(command: CommandInfo, argv: readonly string[]): Promise<Parsed> {
  const words = readWords(command, argv);
  if (words.help) return { values: { tail: [] }, help: true };
  const positionals = assignPositionals(command, words.positionals);
  const values: { [name: string]: Value; tail: readonly string[] } = { tail: words.tail };
  // citty and node:util cost 1.5 ms; `glue version` has nothing to parse.
  const typed: Record<string, Value> =
    words.flags.length === 0 ? {} : (await import("citty")).parseArgs(words.flags, flagsOnly(command.args));
  for (const [name, arg] of Object.entries(command.args)) {
    if (arg.type === "positional") values[name] = positionals.get(name);
    else if (arg.type === "boolean") values[name] = typed[name] ?? arg.default ?? false;
    else if (arg.type === "string" && arg.multiple) values[name] = words.lists.get(name) ?? [];
    else values[name] = typed[name];
  }
  return { values, help: false };
}

interface Words {
  /** Flags of ours in the long form, with their value after "=". */
  readonly flags: string[];
  readonly lists: Map<string, string[]>;
  readonly positionals: string[];
  tail: readonly string[];
  help: boolean;
}

function readWords(command: CommandInfo, argv: readonly string[]): Words {
  const words: Words = { flags: [], lists: new Map(), positionals: [], tail: [], help: false };
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") {
      const rest = argv.slice(i + 1);
      if (command.tail) words.tail = rest;
      else words.positionals.push(...rest);
      break;
    }
    if (word === "-" || !word.startsWith("-")) {
      if (command.tail) {
        words.tail = argv.slice(i);
        break;
      }
      words.positionals.push(word);
      continue;
    }
    if (word === "--help" || word === "-h") {
      words.help = true;
      break;
    }
    const next = () => {
      i += 1;
      return argv[i];
    };
    if (word.startsWith("--")) readLong(command, word, next, words);
    else readShort(command, word, next, words);
  }
  return words;
}

function readLong(command: CommandInfo, word: string, next: () => string | undefined, words: Words): void {
  const equals = word.indexOf("=");
  const given = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const inline = equals < 0 ? undefined : word.slice(equals + 1);
  const arg = own(command.args, given);
  if (arg && arg.type !== "positional") {
    take(command, given, arg, `--${given}`, inline, next, words);
    return;
  }
  const positive = given.startsWith("no-") ? own(command.args, given.slice(3)) : undefined;
  if (positive?.type === "boolean" && inline === undefined) {
    words.flags.push(`--${given}`);
    return;
  }
  throw unknownFlag(command, `--${given}`);
}

function readShort(command: CommandInfo, word: string, next: () => string | undefined, words: Words): void {
  for (let at = 1; at < word.length; at++) {
    const letter = word.charAt(at);
    const found = Object.entries(command.args).find(([, arg]) => arg.type !== "positional" && arg.alias === letter);
    const [name, arg] = found ?? [];
    if (name === undefined || arg === undefined || arg.type === "positional") throw unknownFlag(command, `-${letter}`);
    if (arg.type === "boolean") {
      words.flags.push(`--${name}`);
      continue;
    }
    const attached = word.slice(at + 1).replace(/^=/, "");
    take(command, name, arg, `-${letter}`, attached === "" ? undefined : attached, next, words);
    return;
  }
}

function take(
  command: CommandInfo,
  name: string,
  arg: Flag,
  shown: string,
  inline: string | undefined,
  next: () => string | undefined,
  words: Words,
): void {
  if (arg.type === "boolean") {
    if (inline !== undefined) throw usage(command, `${shown} takes no value.`);
    words.flags.push(`--${name}`);
    return;
  }
  const value = inline ?? next();
  if (value === undefined) throw usage(command, `${shown} needs a value.`);
  if (arg.type === "enum" && !arg.options.includes(value)) throw notOneOf(command, shown, value, arg.options);
  if (arg.type === "string" && arg.multiple) {
    const list = words.lists.get(name) ?? [];
    list.push(value);
    words.lists.set(name, list);
    return;
  }
  words.flags.push(`--${name}=${value}`);
}

function assignPositionals(
  command: CommandInfo,
  given: readonly string[],
): Map<string, string | readonly string[] | undefined> {
  const assigned = new Map<string, string | readonly string[] | undefined>();
  let at = 0;
  for (const [name, arg] of Object.entries(command.args)) {
    if (arg.type !== "positional") continue;
    if (arg.required && at >= given.length) throw usage(command, `${wordOf(name, arg)} is missing.`);
    if (arg.multiple) {
      assigned.set(name, given.slice(at));
      at = given.length;
      continue;
    }
    const value = given[at];
    if (value !== undefined && arg.options && !arg.options.includes(value)) {
      throw notOneOf(command, wordOf(name, arg), value, arg.options);
    }
    assigned.set(name, value);
    at += 1;
  }
  if (at < given.length) throw usage(command, `"${given[at]}" is one argument too many.`);
  return assigned;
}

/** Not what every object inherits: `--constructor` is no flag. */
function own(args: Args, name: string): Arg | undefined {
  return Object.hasOwn(args, name) ? args[name] : undefined;
}

function flagsOnly(args: Args): ArgsDef {
  const flags: ArgsDef = {};
  for (const [name, arg] of Object.entries(args)) {
    if (arg.type === "boolean") flags[name] = { type: "boolean" };
    else if (arg.type !== "positional") flags[name] = { type: "string" };
  }
  return flags;
}

function unknownFlag(command: CommandInfo, shown: string): GlueError {
  const known = Object.entries(command.args).flatMap(([name, arg]) =>
    arg.type === "positional" ? [] : arg.type === "boolean" && arg.default ? [`--no-${name}`] : [`--${name}`],
  );
  const near = nearest(shown, [...known, "--help"]);
  return usage(command, `Unknown flag ${shown}.`, near && `Did you mean ${near}?`);
}

function notOneOf(command: CommandInfo, shown: string, value: string, options: readonly string[]): GlueError {
  const near = nearest(value, options);
  const hint = near ? `Did you mean ${near}?` : `One of: ${options.join(", ")}.`;
  return usage(command, `${shown} cannot be "${value}".`, hint);
}

/** A usage error of that command; the hint ends with where its help is. */
export function usage(command: Pick<CommandInfo, "name">, message: string, hint?: string): GlueError {
  const help = `Run glue ${command.name} --help.`;
  return new GlueError("usage", message, { hint: hint ? `${hint} ${help}` : help });
}
