import type { Command, Options, Progress, RunningCommand, RunOptions, RuntimeSession } from "../runtimes/contract.ts";
import type { GlueError } from "../spec/glue-error.ts";
import type { Env } from "../spec/resolve.ts";
import type { Home } from "./home.ts";
import type { SessionMeta, SessionState } from "./meta.ts";
import type { MachineFacts } from "./owner.ts";
import type { SessionFolder } from "./store.ts";

/** Speaks to people. `warn` is always shown, `notice` hidden by `--quiet`. */
export interface Voice {
  warn(line: string): void;
  notice(line: string): void;
}

/** What every step of a session needs of the process it happens in. */
export interface Surroundings {
  readonly home: Home;
  readonly facts: MachineFacts;
  readonly voice: Voice;
  readonly progress: Progress;
  /** The caller's environment. */
  readonly env: Env;
  /** Milliseconds since 1970; given by tests that step the clock. */
  readonly now: () => number;
}

/** A session in the hands of this process: opened by it, or attached to. */
export interface Session extends Surroundings {
  readonly id: string;
  readonly folder: SessionFolder;
  /** What is recorded of it; replaced whole whenever this process records more. */
  readonly meta: SessionMeta;
  readonly options: Options;
  readonly runtime: RuntimeSession;
  /** Where a command starts that names no folder: the caller's own, as the sandbox sees it. Absolute. */
  readonly startFolder: string;
  /** Runs a command and records it. Everything else is as the executor says. */
  run(command: Command, options?: RunOptions): Promise<SessionCommand>;
  /** Ends the session: stops what runs, captures, releases. May be called twice. */
  close(options?: CloseOptions): Promise<CloseReport>;
  /** Lets go of the session, which stays as it is. */
  detach(): Promise<void>;
}

/** A command whose start and end are recorded. */
export interface SessionCommand extends RunningCommand {
  /**
   * Says how many bytes of each stream the caller has carried, once the streams are at their end; they are recorded with
   * the end of the command. Left out for one that writes to the terminal by itself.
   */
  carried(bytes: { readonly stdout: number; readonly stderr: number }): void;
}

export interface CloseOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for another process that changes this session. Default: as long as it takes. */
  readonly waitMs?: number;
}

/** How a session ended. */
export interface CloseReport {
  /** `closed`, or where it stopped: `closing` with a `problem` when the sandbox had to be kept. */
  readonly state: SessionState;
  /** True when it was closed before, by this or another process. */
  readonly already: boolean;
  /** True when the sandbox was left in place because the options say so. */
  readonly kept: boolean;
  /** What came back last; undefined where the session worked on the user's files. */
  readonly capture: SessionMeta["capture"];
  /** Why it did not end as it should; the sandbox may still be there. */
  readonly problem: GlueError | undefined;
}
