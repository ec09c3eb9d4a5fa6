/**
 * How adapters call the launcher (`launch.sh`). It is handed to `sh -c` as text, so that a sandbox needs nothing prepared; an
 * adapter that has put `LAUNCHER` into a file may name that instead and spare the bytes of every call.
 *
 * In the spool each command leaves `<id>.pid`, `<id>.note` and `<id>.exit`; `<id>.timeout` and `<id>.cancel` where they apply.
 * A caller reads `<id>.exit` (see exit-record.ts) when `needsRecord` says that the status alone does not tell. It should keep a
 * timer of its own besides: a sandbox without `sleep` keeps no deadline inside.
 */
import text from "./launch.sh" with { type: "text" };

/** The launcher without its comments: they would be sent with every command. */
export const LAUNCHER: string = text.replace(/^\s*#.*\n/gm, "");

/** Between TERM and KILL where nothing else is asked for. */
export const DEFAULT_GRACE_MS = 5000;

export interface Launch {
  /** See command-id.ts: it is the command's mark, and no id may be the beginning of another. */
  readonly id: string;
  /** A folder in the sandbox, absolute; made (0700) where it is missing. */
  readonly spool: string;
  readonly argv: readonly string[];
  /** Absolute; where the launcher was started, if left out. */
  readonly cwd?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly graceMs?: number | undefined;
}

/** Where the launcher's text is, when it was written into the sandbox; `sh` defaults to `sh`. */
export interface LauncherPlace {
  readonly file?: string;
  readonly sh?: string;
}

/**
 * The argv that runs a command in the foreground: its stdin, stdout and stderr are those of the launcher, its status is the
 * launcher's (124 when the deadline ended it). The launcher should lead a session of its own.
 */
export function launchArgv(launch: Launch, place?: LauncherPlace): [string, ...string[]] {
  return call(place, "run", ...launchWords(launch));
}

/** As `launchArgv`, with stdin at EOF and the output in `<id>.out` and `<id>.err` of the spool, which must exist. */
export function jobArgv(launch: Launch, place?: LauncherPlace): [string, ...string[]] {
  return call(place, "job", ...launchWords(launch));
}

/** Ends the tree of one command: TERM, then KILL after the grace. Ends with 0 when nothing of it is left, else 1. */
export function killArgv(
  target: { id: string; spool: string; graceMs?: number | undefined },
  place?: LauncherPlace,
): [string, ...string[]] {
  return call(place, "kill", target.id, target.spool, milliseconds(target.graceMs ?? DEFAULT_GRACE_MS));
}

/** As `killArgv`, for the trees of every command whose id begins with `prefix`. */
export function sweepArgv(
  target: { prefix: string; spool: string; graceMs?: number | undefined },
  place?: LauncherPlace,
): [string, ...string[]] {
  return call(place, "sweep", target.prefix, target.spool, milliseconds(target.graceMs ?? DEFAULT_GRACE_MS));
}

/**
 * Ends every process of a sandbox but PID 1, the caller and `spare` (with their children gone, these must be able to live on).
 * Without `spare` it is one system call, which nothing can fork away from. Never on a host. Ends with 0 when nothing is left.
 */
export function killAllArgv(
  target: { graceMs?: number | undefined; spare?: readonly number[] },
  place?: LauncherPlace,
): [string, ...string[]] {
  return call(place, "killall", milliseconds(target.graceMs ?? DEFAULT_GRACE_MS), ...(target.spare ?? []).map(String));
}

function call(place: LauncherPlace | undefined, ...words: string[]): [string, ...string[]] {
  const sh = place?.sh ?? "sh";
  return place?.file === undefined ? [sh, "-c", LAUNCHER, "glue", ...words] : [sh, place.file, ...words];
}

function launchWords(launch: Launch): string[] {
  const { id, spool, timeoutMs = 0, graceMs = DEFAULT_GRACE_MS, cwd = "", argv } = launch;
  return [id, spool, milliseconds(timeoutMs), milliseconds(graceMs), cwd, ...argv];
}

/** Whole, and not rounded down to "no deadline". */
function milliseconds(value: number): string {
  return String(Math.max(0, Math.ceil(value)));
}
