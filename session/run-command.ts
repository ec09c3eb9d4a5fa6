import { relative } from "node:path";
import type { Command, CommandResult, RunningCommand, RunOptions } from "../runtimes/contract.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { appendEvent } from "./append-event.ts";
import { withDefaults } from "./command-defaults.ts";
import type { SessionEvent } from "./events.ts";
import { randomName } from "./id.ts";
import type { LiveSession } from "./live-session.ts";
import { type Mask, maskFor } from "./mask.ts";
import type { Session, SessionCommand } from "./session.ts";
import { versionOf } from "./store.ts";

/** A command of a session, and the duty to record its end. */
export interface RecordedCommand extends SessionCommand {
  /** Records the end now, without the streams' sizes where nobody told them. */
  flush(): void;
}

/** Longer texts are cut in the record: an event is one short append. Characters. */
const LONGEST_TEXT = 8_000;

/** Starts a command in a session and records when, by whom, and how it ended. */
export async function runCommand(
  session: LiveSession,
  command: Command,
  options: RunOptions = {},
): Promise<RecordedCommand> {
  const full = withDefaults(session.meta, options, session.env);
  const mask = maskFor(session.options, session.env, full.env ?? {});
  const record = recorder(session);
  const name = `${session.now().toString(36)}${randomName(5)}`;
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started);
  record({ ...startedEvent(session, name, full), ...describe(command, mask) });
  const fail = (error: unknown) => {
    const code = isGlueError(error) ? error.code : "internal";
    const message = mask(error instanceof Error ? error.message : String(error)).slice(0, LONGEST_TEXT);
    record({ at: timeOf(session), type: "failed", command: name, code, message, ms: elapsed() });
  };
  let running: RunningCommand;
  try {
    // Whoever closes the session says so before looking at its log, and we look after writing into it: one sees the other.
    await refuseIfChanged(session);
    running = await session.runtime.executor.run(command, { ...full, cwd: full.cwd ?? session.startFolder });
  } catch (error) {
    fail(error);
    throw error;
  }
  return recorded(
    running,
    fail,
    (result, bytes) => record(endedEvent(timeOf(session), name, result.result, result.ms, bytes)),
    elapsed,
  );
}

/** `sessionClosed` where the session is being closed. To be asked after what is about to happen was written down. */
export async function refuseIfChanged(session: Session & { readonly version?: string | undefined }): Promise<void> {
  if (session.version !== undefined && session.version !== versionOf(session.folder)) await refuseIfClosing(session);
}

/** Loaded when needed: mostly the record is the one that was attached by. */
async function refuseIfClosing(session: Session): Promise<void> {
  const [{ readMeta }, { refuseUnlessOpen }] = await Promise.all([
    import("./read-meta.ts"),
    import("./session-state.ts"),
  ]);
  refuseUnlessOpen(readMeta(session.folder));
}

interface Ended {
  readonly result: CommandResult;
  readonly ms: number;
}
type Bytes = { readonly stdout: number; readonly stderr: number } | undefined;

/** Wraps a running command so that its end is recorded once: with the streams' sizes as soon as they are told. */
function recorded(
  running: RunningCommand,
  fail: (error: unknown) => void,
  end: (ended: Ended, bytes: Bytes) => void,
  elapsed: () => number,
): RecordedCommand {
  let ended: Ended | undefined;
  let bytes: Bytes;
  let written = false;
  const write = () => {
    if (ended === undefined || written) return;
    written = true;
    end(ended, bytes);
  };
  const outcome = running.wait().then(
    (result) => {
      ended = { result, ms: elapsed() };
      if (bytes !== undefined) write();
      return result;
    },
    (error: unknown) => {
      written = true;
      fail(error);
      throw error;
    },
  );
  // Whoever waits gets the error; that nobody waits yet is no reason to end the process.
  outcome.catch(() => undefined);
  return {
    id: running.id,
    stdout: running.stdout,
    stderr: running.stderr,
    wait: () => outcome,
    kill: () => running.kill(),
    resize: (size) => running.resize(size),
    carried(carriedBytes) {
      bytes = carriedBytes;
      write();
    },
    flush: write,
  };
}

/** An event that cannot be written is said once and stops nothing: the command is worth more than the note about it. */
export function recorder(session: Session): (event: SessionEvent) => void {
  let told = false;
  return (event) => {
    try {
      appendEvent(session.folder.events, event);
    } catch (error) {
      if (told) return;
      told = true;
      const why = error instanceof Error ? error.message : String(error);
      session.voice.warn(`${why} The command goes on, but is missing from the session's log.`);
    }
  };
}

/** The event that says that a command is about to be started. */
export function startedEvent(session: Session, name: string, options: RunOptions) {
  const { host, boot, startOf } = session.facts;
  return {
    at: timeOf(session),
    type: "started" as const,
    command: name,
    by: { host, boot, pid: process.pid, pidStart: startOf(process.pid) ?? "unknown" },
    cwd: options.cwd ?? (relative(session.runtime.paths.workspace, session.startFolder) || "."),
    ...(options.env === undefined ? {} : { env: Object.keys(options.env) }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
}

function endedEvent(at: string, name: string, result: CommandResult, ms: number, bytes: Bytes): SessionEvent {
  const { exitCode, outcome, outputLost } = result;
  return {
    at,
    type: outcome === "cancelled" ? "cancelled" : "ended",
    command: name,
    exitCode,
    outcome,
    ms,
    ...(bytes === undefined ? {} : { stdoutBytes: bytes.stdout, stderrBytes: bytes.stderr }),
    ...(outputLost === true ? { outputLost } : {}),
  };
}

/** What is run, masked first and cut after: a cut through a secret would leave its beginning. */
export function describe(command: Command, mask: Mask): { argv?: string[]; script?: string; cut?: boolean } {
  if ("script" in command) {
    const script = mask(command.script);
    return script.length <= LONGEST_TEXT ? { script } : { script: script.slice(0, LONGEST_TEXT), cut: true };
  }
  let left = LONGEST_TEXT;
  const argv: string[] = [];
  for (const word of command.argv.map(mask)) {
    if (left <= 0) return { argv, cut: true };
    argv.push(word.slice(0, left));
    left -= word.length;
  }
  return left < 0 ? { argv, cut: true } : { argv };
}

const timeOf = (session: Session) => new Date(session.now()).toISOString();
