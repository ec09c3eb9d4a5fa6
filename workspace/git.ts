/**
 * How glue runs git: the user's traps removed, one shape of failure, bytes in and bytes out. Every git process on the host is
 * started here and nowhere else.
 */
import { existsSync } from "node:fs";
import type { ByteStream } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import type { WaitingGits } from "./waiting-git.ts";

/** Settings that every run gets on its command line, so that nothing of the user's configuration can run code or change bytes. */
const SAFE_CONFIG: readonly string[] = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.autocrlf=false",
  "core.quotePath=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "commit.gpgSign=false",
  "tag.gpgSign=false",
];

/** Variables that only say where the user's configuration is; with `userConfig` they stay, as they would for the user's own git. */
const CONFIG_PLACES: ReadonlySet<string> = new Set(["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"]);

/** How much of git's stderr is kept, in bytes; the end of it, because that is where git says why. */
const STDERR_TAIL = 16_384;

export interface GitOptions {
  /** The git directory, absolute. Naming it also skips git's search and its check of who owns the repository. */
  readonly gitDir?: string;
  /** The top of the working tree, absolute; git runs there unless `cwd` says otherwise. */
  readonly workTree?: string;
  readonly cwd?: string;
  /** Reads the user's and the system's configuration (ignore files, attributes). Without it git sees only `gitDir`'s own. */
  readonly userConfig?: boolean;
  /** More `-c key=value` settings; they win over everything else. */
  readonly config?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The environment that git's is made from; the process's own where it is left out. */
  readonly hostEnv?: Readonly<Record<string, string | undefined>>;
  /** At EOF where it is left out. */
  readonly stdin?: ByteStream | Uint8Array | Blob | string;
  /** Exit codes that are answers, not failures. Default: only 0. */
  readonly okExit?: readonly number[];
  /** Transports git may use, colon separated (for instance `file` to fetch from a bundle). Default: none, so that nothing is ever fetched. */
  readonly allowProtocol?: string;
  readonly signal?: AbortSignal;
  /** Where `stdin` is bytes or text, one of these is asked, if one has the same arguments, before another is started. */
  readonly waiting?: WaitingGits;
}

export interface GitOutput {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  /** The last 16 kB. */
  readonly stderr: string;
}

/** A git process whose output is read as it comes. */
export interface GitStream {
  readonly stdout: ByteStream;
  /** Resolves with the end of stderr when git ended well; rejects with `gitFailed` otherwise. Must be awaited. */
  readonly done: Promise<{ exitCode: number; stderr: string }>;
}

/**
 * Runs git to its end and keeps all of stdout in memory.
 * @throws GlueError `gitMissing` where there is no git, `gitFailed` with the end of stderr, `cancelled` after an abort.
 */
export async function git(args: readonly string[], options: GitOptions = {}): Promise<GitOutput> {
  const running = gitStream(args, options);
  const [stdout, end] = await Promise.all([new Response(running.stdout).arrayBuffer(), running.done]);
  return { exitCode: end.exitCode, stdout: new Uint8Array(stdout), stderr: end.stderr };
}

/** As `git`, for answers of one line: stdout as UTF-8 text without the white space at its ends. */
export async function gitText(args: readonly string[], options: GitOptions = {}): Promise<string> {
  const { stdout } = await git(args, options);
  return new TextDecoder().decode(stdout).trim();
}

/** Starts git and hands out its stdout as a stream; an unread stream stops git. Errors as with `git`, through `done`. */
export function gitStream(args: readonly string[], options: GitOptions = {}): GitStream {
  const { stdin, waiting } = options;
  if (waiting !== undefined && (typeof stdin === "string" || stdin instanceof Uint8Array)) {
    const asked = waiting.ask(args, options, stdin);
    if (asked !== undefined) return asked;
  }
  const child = start(args, options);
  const stderr = readTail(child.stderr, STDERR_TAIL);
  const done = finish(args, options, child.exited, stderr);
  // Whoever reads stdout first learns of a failure there; `done` is awaited later and must not count as unhandled until then.
  done.catch(() => undefined);
  return { stdout: child.stdout, done };
}

async function finish(
  args: readonly string[],
  options: GitOptions,
  exited: Promise<number>,
  stderr: Promise<string>,
): Promise<{ exitCode: number; stderr: string }> {
  const [exitCode, said] = await Promise.all([exited, stderr]);
  if ((options.okExit ?? [0]).includes(exitCode)) return { exitCode, stderr: said };
  if (options.signal?.aborted) throw new GlueError("cancelled", "git was stopped.", { cause: options.signal.reason });
  throw gitFailure(args, exitCode, said);
}

/** The error for a git run that ended badly; git's own words are in the message. */
export function gitFailure(args: readonly string[], exitCode: number, stderr: string): GlueError {
  const words = stderr.trim();
  return new GlueError(
    "gitFailed",
    `git ${subcommand(args)} failed with exit code ${exitCode}${words === "" ? "." : `: ${words}`}`,
  );
}

function subcommand(args: readonly string[]): string {
  return args.find((argument) => !argument.startsWith("-")) ?? "";
}

function start(args: readonly string[], options: GitOptions) {
  const cwd = options.cwd ?? options.workTree ?? options.gitDir;
  const command = ["git", ...places(options), ...settings(options), ...args];
  try {
    return Bun.spawn(command, {
      ...(cwd === undefined ? {} : { cwd }),
      env: gitEnvironment(options),
      stdin: stdinOf(options.stdin),
      stdout: "pipe",
      stderr: "pipe",
      // Its own session: Ctrl-C at the terminal is glue's to answer, and must not tear a capture under way.
      detached: true,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (cause) {
    if (options.signal?.aborted) throw new GlueError("cancelled", "git was not started.", { cause });
    // A missing working directory is reported as ENOENT of the program as well.
    if (cwd !== undefined && !existsSync(cwd)) {
      throw new GlueError("gitFailed", `git cannot run in ${cwd}: the folder does not exist.`, { cause });
    }
    throw new GlueError("gitMissing", "git is not installed here, or not on PATH.", { cause });
  }
}

function places(options: GitOptions): string[] {
  const found: string[] = [];
  if (options.gitDir !== undefined) found.push(`--git-dir=${options.gitDir}`);
  if (options.workTree !== undefined) found.push(`--work-tree=${options.workTree}`);
  return found;
}

function settings(options: GitOptions): string[] {
  return [...SAFE_CONFIG, ...(options.config ?? [])].flatMap((setting) => ["-c", setting]);
}

function stdinOf(stdin: GitOptions["stdin"]) {
  if (stdin === undefined) return "ignore";
  return typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
}

/** The environment of a git run: the host's without `GIT_*` and `BUN_*`, and ours on top. */
export function gitEnvironment(options: GitOptions): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.hostEnv ?? process.env)) {
    if (value === undefined || name.startsWith("BUN_")) continue;
    if (name.startsWith("GIT_") && !(options.userConfig && CONFIG_PLACES.has(name))) continue;
    env[name] = value;
  }
  if (!options.userConfig) {
    env.GIT_CONFIG_GLOBAL = "/dev/null";
    env.GIT_CONFIG_NOSYSTEM = "1";
    env.GIT_ATTR_NOSYSTEM = "1";
  }
  env.GIT_OPTIONAL_LOCKS = "0";
  env.GIT_NO_REPLACE_OBJECTS = "1";
  env.GIT_TERMINAL_PROMPT = "0";
  // Newer git obeys the first; older git would still ask a promisor remote, which no allowed transport lets it reach.
  env.GIT_NO_LAZY_FETCH = "1";
  env.GIT_ALLOW_PROTOCOL = options.allowProtocol ?? "none";
  env.LC_ALL = "C";
  return { ...env, ...options.env };
}

async function readTail(stream: ByteStream, limit: number): Promise<string> {
  let kept = new Uint8Array(0);
  for await (const chunk of stream) {
    const joined = new Uint8Array(kept.length + chunk.length);
    joined.set(kept);
    joined.set(chunk, kept.length);
    kept = joined.length > limit ? joined.slice(joined.length - limit) : joined;
  }
  return new TextDecoder().decode(kept);
}

/** The version of the host's git, for instance `2.39.5`; undefined where there is none. */
export async function gitVersion(options: Pick<GitOptions, "hostEnv"> = {}): Promise<string | undefined> {
  try {
    const words = await gitText(["version"], options);
    return words.match(/\d+(\.\d+)+/)?.[0] ?? words;
  } catch (error) {
    if (error instanceof GlueError && error.code === "gitMissing") return undefined;
    throw error;
  }
}
