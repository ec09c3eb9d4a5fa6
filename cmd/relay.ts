import type { Command, CommandResult, PtySize, RunOptions } from "../runtimes/contract.ts";
import type { Session, SessionCommand } from "../session/session.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { parseDuration } from "./duration.ts";
import { readEnvFlags } from "./env-flags.ts";
import type { Io } from "./io.ts";
import { withShell } from "./script-shell.ts";
import { type Output, outputTo } from "./stream.ts";

/** The flags of a command that is run in a session, as `commandFlags` declares them. */
export interface CommandOptions {
  readonly tail: readonly string[];
  readonly script: string | undefined;
  readonly env: readonly string[];
  readonly timeout: string | undefined;
  readonly interactive: boolean;
  readonly tty: boolean;
  readonly stdin: boolean;
}

/** A command line that is understood; nothing was opened or read yet. */
export interface CommandPlan {
  readonly command: Command;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number | undefined;
  readonly stdin: boolean;
  readonly pty: PtySize | undefined;
  /** stdin is a terminal whose keys the command gets as they are pressed. */
  readonly keys: boolean;
}

/** Reads the flags that say what to run and how. Throws `usage`, before anything is opened. */
export function planCommand(name: string, options: CommandOptions, io: Io): CommandPlan {
  const { interactive, tty } = options;
  const kind = options.stdin ? io.terminal.stdinKind() : "nothing";
  return {
    command: commandOf(name, options),
    env: readEnvFlags(options.env, io.env),
    timeoutMs: options.timeout === undefined ? undefined : parseDuration(options.timeout, "--timeout"),
    stdin: kind === "data" || (kind === "terminal" && interactive),
    pty: tty ? ptySize(io) : undefined,
    keys: tty && interactive && kind === "terminal",
  };
}

/** How it went: a result, or a failure of ours. */
export interface Relayed {
  readonly result?: CommandResult;
  readonly failure?: unknown;
  /** False only where it is certain that the command never ran. */
  readonly started: boolean;
}

/** How long the output of a command is waited for when nobody knows whether it still runs. Milliseconds. */
const LAST_WORDS_MS = 1_000;

/**
 * Runs the command in the session with our stdin, passes its output on and waits for its end. An abort of `signal` ends it. Whatever
 * goes wrong here, it does not run on. Never rejects.
 */
export async function relay(session: Session, plan: CommandPlan, io: Io, signal: AbortSignal): Promise<Relayed> {
  const inherit = !io.json && plan.pty === undefined && mayHoldOurs(session, io);
  let putBack: () => void = () => undefined;
  let started = false;
  try {
    io.endProgress();
    if (plan.pty !== undefined) putBack = await io.terminal.handOver(plan.keys);
    const output = outputTo(io);
    const running = await session.run(withShell(plan.command, session.meta.runtime, session.options), {
      env: plan.env,
      signal,
      inherit,
      ...(output.sink === undefined ? {} : { sink: output.sink }),
      graceMs: session.options.kill_grace_seconds * 1_000,
      ...(plan.timeoutMs === undefined ? {} : { timeoutMs: plan.timeoutMs }),
      ...(plan.stdin ? { stdin: io.terminal.stdin() } : {}),
      ...(plan.pty === undefined ? {} : { pty: plan.pty }),
    } satisfies RunOptions);
    started = true;
    const stopResizing = followSize(running, plan, io);
    try {
      const { result, carried } = await follow(running, output, io);
      if (result.outputLost === true) io.warn("Output of the command was lost on its way: what came is not all of it.");
      // Nothing carried where it could write by itself says nothing about what it wrote.
      if (!inherit || carried.stdout + carried.stderr > 0) running.carried(carried);
      return { result, started };
    } finally {
      stopResizing();
    }
  } catch (failure) {
    return { failure, started: started || isGlueError(failure, "outcomeUnknown") };
  } finally {
    putBack();
  }
}

/**
 * Whether the command may write to our own stdout and stderr. What it leaves running in a session that stays would keep a pipe open, and
 * whoever reads from it waiting, long after the result.
 */
function mayHoldOurs(session: Session, io: Io): boolean {
  return session.meta.owner.kind === "process" || (io.terminal.isTTY(1) && io.terminal.isTTY(2));
}

/** Waits for the end of the command and of its output. When either fails, the command is ended. */
async function follow(running: SessionCommand, output: Output, io: Io) {
  const passed = output.passOn(running).catch(async (error: unknown) => {
    await end(running, io);
    throw error;
  });
  try {
    const result = await running.wait();
    return { result, carried: await passed };
  } catch (error) {
    await end(running, io);
    // What it said last may be all that tells what happened.
    await Promise.race([passed, Bun.sleep(LAST_WORDS_MS)]);
    throw error;
  }
}

/** As shells have it for SIGINT. */
const INTERRUPTED = 130;

/** The exit status that stands for a result: an interrupt is 130, whatever signal ended the command because of it. */
export function statusOf(result: CommandResult): number {
  return result.outcome === "cancelled" ? INTERRUPTED : result.exitCode;
}

/** What is to be run: an argv or a script. Throws `usage` where it is neither, or both. */
export function commandOf(name: string, { tail, script }: Pick<CommandOptions, "tail" | "script">): Command {
  const [program, ...args] = tail;
  if (script !== undefined && program === undefined) return { script };
  const hint = `Run glue ${name} -- CMD, or glue ${name} -c SCRIPT.`;
  if (script !== undefined)
    throw new GlueError("usage", "There is a script and a command; only one can run.", { hint });
  if (program === undefined) throw new GlueError("usage", "There is no command to run.", { hint });
  if (program === "") throw new GlueError("usage", "The command is an empty word.", { hint });
  return { argv: [program, ...args] };
}

/** Ends a command whose output nobody takes, or of which nothing is known. */
async function end(running: SessionCommand, io: Io): Promise<void> {
  try {
    await running.kill();
  } catch (error) {
    // What went wrong first is what gets reported; closing the session ends what is left.
    io.detail(`The command could not be ended: ${error instanceof Error ? error.message : error}`);
  }
}

/** The terminal that a command gets: as ours, or of the usual size where we have none. */
export function ptySize(io: Io): PtySize {
  const { columns, rows } = io.terminal.size(1) ?? io.terminal.size(0) ?? { columns: 80, rows: 24 };
  return { columns, rows, term: io.env.TERM || "xterm" };
}

/** Tells the command's terminal when ours changes its size. */
function followSize(running: SessionCommand, plan: CommandPlan, io: Io): () => void {
  if (plan.pty === undefined || !io.terminal.isTTY(1)) return () => undefined;
  const resize = () => {
    const size = io.terminal.size(1);
    // A size that could not be told is told with the next change; the command is none the worse.
    if (size !== undefined) running.resize(size).catch((error: unknown) => io.detail(String(error)));
  };
  process.on("SIGWINCH", resize);
  return () => process.off("SIGWINCH", resize);
}
