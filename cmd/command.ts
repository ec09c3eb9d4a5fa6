import type { Io } from "./io.ts";

/**
 * A command is an object of data and one function. Help, completions and the pages in `docs/` derive from the data; tests call
 * `run` without a process. The vocabulary of `args` is citty's, with `multiple` and `complete` added.
 */
export interface Command<A extends Args> extends CommandInfo {
  readonly args: A;
  /** Resolves to the exit status. Every failure is thrown as a `GlueError`. */
  run(options: Options<A>, io: Io): Promise<number>;
}

/** A command whose `args` are known only when it runs: what the table of all commands holds. */
export interface AnyCommand extends CommandInfo {
  run(options: never, io: Io): Promise<number>;
}

/** The data of a command. */
export interface CommandInfo {
  /** As it is typed after `glue`, for instance `session list`. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** What the summary cannot say; paragraphs are separated by an empty line. */
  readonly description?: string;
  readonly args: Args;
  /**
   * Set where the first word that is no flag begins another program's argv: from there on, and after `--`, nothing is read as a
   * flag of ours. The value is the name shown in help, and what it is, in a few words.
   */
  readonly tail?: { readonly name: string; readonly description: string };
  readonly examples: readonly Example[];
  /** Exit status and meaning; those of every command (0, 1, 2) are left out. */
  readonly exits?: readonly (readonly [code: string, meaning: string])[];
  /** Set where the exit status is another program's: then our own failures are 125, which it hardly uses. */
  readonly relays?: boolean;
  /** Not shown in help and completions. */
  readonly hidden?: boolean;
}

export interface Example {
  readonly run: string;
  readonly does: string;
}

export type Args = Readonly<Record<string, Arg>>;
export type Arg = BooleanArg | StringArg | EnumArg | PositionalArg;

interface Described {
  readonly description: string;
  readonly hidden?: boolean;
}
/** A switch. One that is on by default is shown as `--no-NAME`. */
export interface BooleanArg extends Described {
  readonly type: "boolean";
  readonly alias?: string;
  readonly default?: true;
}
export interface StringArg extends Described {
  readonly type: "string";
  readonly alias?: string;
  /** The word that stands for the value in help. */
  readonly valueHint: string;
  /** May be given more than once; the values are collected in their order. */
  readonly multiple?: true;
  readonly complete?: Completion;
}
export interface EnumArg extends Described {
  readonly type: "enum";
  readonly alias?: string;
  readonly options: readonly string[];
}
/** Filled in the order of declaration. */
export interface PositionalArg extends Described {
  readonly type: "positional";
  readonly required: boolean;
  /** The word that stands for it in help; its name in capitals where there is none. */
  readonly valueHint?: string;
  /** Takes all that are left; only the last may. */
  readonly multiple?: true;
  readonly options?: readonly string[];
  readonly complete?: Completion;
}

/** The word that stands for a positional argument in help and in errors. */
export function wordOf(name: string, { valueHint, multiple }: PositionalArg): string {
  return valueHint ?? `${name.toUpperCase()}${multiple ? "…" : ""}`;
}

/** What a shell offers for the value. */
export type Completion =
  | "file"
  | "directory"
  | "option"
  | "runtime"
  | "session"
  | "open-session"
  | "job"
  | "running-job"
  | "place";

/** What `run` is given: a property for each of `args`, and the argv that follows as `tail`. */
export type Options<A extends Args> = { readonly [K in keyof A]: ValueOf<A[K]> } & { readonly tail: readonly string[] };
export type Value = boolean | string | readonly string[] | undefined;
type ValueOf<D extends Arg> = D extends { readonly type: "boolean" }
  ? boolean
  : D extends { readonly multiple: true }
    ? readonly string[]
    : D extends { readonly type: "positional"; readonly required: true }
      ? string
      : D extends { readonly options: readonly (infer U)[] }
        ? U | undefined
        : string | undefined;

/** Keeps the literal types of `args`, so that `run` sees what was declared. */
export function defineCommand<const A extends Args>(command: Command<A>): Command<A> {
  return command;
}
