/** What a command needs before it can pass through a shell and the kernel unharmed: its script, its variables, its size. */
import { type Command, GlueError } from "../contract.ts";

/** Linux takes no single argument of 128 KiB or more (MAX_ARG_STRLEN, its final NUL included). */
const MAX_ARGUMENT_BYTES = 131_071;
/** A quarter of an 8 MiB stack for arguments and environment together, less room for what the sandbox adds. */
const MAX_TOTAL_BYTES = 2_000_000;
/** A longer script is put into a file. */
const MAX_SCRIPT_BYTES = 100_000;

/**
 * The argv of a command. A script runs as `shell -c TEXT` (with `flags` before the `-c`); one too long for an argument is given to `stage`, which puts the bytes
 * into a file of the sandbox and returns its path, and is sourced from there (stdin stays free, `$0` stays the shell's name).
 */
export async function commandArgv(
  command: Command,
  shell: string,
  stage: (text: Uint8Array) => Promise<string>,
  flags: readonly string[] = [],
): Promise<[string, ...string[]]> {
  if ("argv" in command) return [...command.argv];
  if (command.script.includes("\0")) {
    throw new GlueError("optionInvalid", "The script contains a NUL character, which no shell can take.");
  }
  const program = command.shell ?? shell;
  if (command.script.length <= MAX_SCRIPT_BYTES / 4) return [program, ...flags, "-c", command.script];
  const bytes = new TextEncoder().encode(command.script);
  if (bytes.length <= MAX_SCRIPT_BYTES) return [program, ...flags, "-c", command.script];
  return [program, ...flags, "-c", `. ${quote(await stage(bytes))}`];
}

/** One word for a POSIX shell, whatever the text holds. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Names that shells drop because they cannot be variables of theirs, such as `npm.config` or `INPUT_MY-NAME`. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/**
 * Names that dash, bash or busybox ash set themselves, or choke on, whatever the environment says (tried one by one). `SHLVL` and
 * `_` belong here too, but every interactive shell exports them and nobody cares.
 */
const SHELL_OWNED = new Set(
  (
    "BASHOPTS BASHPID BASH_ARGV0 BASH_COMMAND BASH_COMPAT BASH_SUBSHELL BASH_VERSINFO BASH_VERSION BASH_XTRACEFD COMP_WORDBREAKS " +
    "EPOCHREALTIME EPOCHSECONDS HISTCMD IFS LINENO OPTERR OPTIND POSIXLY_CORRECT PPID PS1 PS2 PS4 RANDOM SECONDS SHELLOPTS SRANDOM"
  ).split(" "),
);

/** Names that a shell sets when it changes the folder. */
const SET_BY_CD = new Set(["OLDPWD", "PWD"]);

/**
 * Splits what a command is to find in its environment: what passes through the launcher's shell as it is, and what has to be set
 * behind it by `env`, whose words `viaEnv` go in front of the argv. A program whose name begins with "-" needs `env` too, since
 * no word ends the options of every shell's `exec`. `changesFolder`: whether the launcher is given a `cwd`.
 */
export function throughShell(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
  changesFolder = true,
): { argv: [string, ...string[]]; env: Record<string, string> } {
  const plain: Record<string, string> = {};
  const words: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    checkVariable(name, value);
    const own = SHELL_OWNED.has(name) || (changesFolder && SET_BY_CD.has(name));
    if (SHELL_NAME.test(name) && !own) plain[name] = value;
    else words.push(`${name}=${value}`);
  }
  if (words.length === 0 && !argv[0].startsWith("-")) return { argv: [...argv], env: plain };
  if (argv[0].includes("=")) {
    // env would take such a name for one more assignment; a shell in between takes it as it is.
    return { argv: ["env", "--", ...words, "sh", "-c", 'exec "$@"', "sh", ...argv], env: plain };
  }
  return { argv: ["env", "--", ...words, ...argv], env: plain };
}

/** Refuses what no environment can hold. */
export function checkVariable(name: string, value: string): void {
  if (name === "" || name.includes("=") || name.includes("\0") || value.includes("\0")) {
    throw new GlueError("optionInvalid", `${JSON.stringify(name)} cannot be an environment variable.`, {
      hint: 'A name is not empty and holds no "=", and neither name nor value holds a NUL character.',
    });
  }
}

/** Refuses what the kernel would: `argumentTooLong`, before anything is sent. `extraBytes`: what is passed besides. */
export function checkSize(argv: readonly string[], env: Readonly<Record<string, string>>, extraBytes = 0): void {
  let total = extraBytes;
  for (const word of argv) total += checkWord(word, "An argument");
  for (const [name, value] of Object.entries(env)) total += checkWord(`${name}=${value}`, `The variable ${name}`);
  if (total > MAX_TOTAL_BYTES) {
    throw tooLong(
      `The arguments and the environment are ${total} bytes together; about ${MAX_TOTAL_BYTES} are possible.`,
    );
  }
}

function checkWord(word: string, what: string): number {
  if (word.includes("\0")) throw new GlueError("optionInvalid", `${what} contains a NUL character.`);
  // Most words are short: a UTF-16 unit is at most three bytes.
  const bytes = word.length * 3 <= MAX_ARGUMENT_BYTES ? word.length : Buffer.byteLength(word);
  if (bytes > MAX_ARGUMENT_BYTES) throw tooLong(`${what} is ${bytes} bytes long; ${MAX_ARGUMENT_BYTES} are possible.`);
  return bytes + 9; // its NUL and its pointer
}

function tooLong(message: string): GlueError {
  return new GlueError("argumentTooLong", message, { hint: "Pass the data by stdin or in a file." });
}
