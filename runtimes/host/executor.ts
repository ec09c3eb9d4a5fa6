/** Commands on the host: as the caller's own processes, each with its tree in a session of its own. */
import { statSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { newCommandId } from "../common/command-id.ts";
import { checkSize, commandArgv, throughShell } from "../common/command-line.ts";
import { DEFAULT_GRACE_MS, launchArgv } from "../common/launch.ts";
import {
  type Command,
  type CommandExecutor,
  GlueError,
  type Options,
  type RunningCommand,
  type RunOptions,
} from "../contract.ts";
import { HostCommand } from "./command.ts";
import { hostSh } from "./end-tree.ts";
import { hostEnvironment } from "./environment.ts";
import { LAUNCHER_FILES, removeRecords, writeRecord } from "./records.ts";
import { type Child, type SpawnOptions, spawnChild, startError, systemCode } from "./spawn.ts";

export interface HostPlace {
  readonly sessionId: string;
  /** Absolute. */
  readonly workspace: string;
  readonly spool: string;
  /** Runs scripts that name no shell, in that mode. */
  readonly shell: string;
  readonly shellMode: Options["shell.mode"];
  /** Told of every session that a command leads, by its leader's process number. */
  readonly started?: (pid: number) => void;
}

/** What the system says of a program that a shell would report with 126 or 127. */
const LIKE_A_SHELL = new Set(["ENOENT", "EACCES", "ENOEXEC", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "EPERM"]);

export class HostExecutor implements CommandExecutor {
  readonly #place: HostPlace;

  constructor(place: HostPlace) {
    this.#place = place;
  }

  get shell(): [string, ...string[]] {
    return [this.#place.shell, ...modeFlags(this.#place.shellMode)];
  }

  /**
   * Without a deadline the command is started directly: that is fastest, keeps every variable of the environment whatever its name
   * (shells drop some), and the system tells killed from exited. With one it goes through the launcher, which keeps the deadline
   * when glue is dead; so does a program that cannot be started, for the words and the status that a shell has for it.
   */
  async run(command: Command, options: RunOptions = {}): Promise<RunningCommand> {
    if (options.signal?.aborted) throw new GlueError("cancelled", "Interrupted before the command was started.");
    const { spool, sessionId } = this.#place;
    const id = newCommandId(sessionId);
    const cwd = this.#cwd(options.cwd);
    let staged = false;
    const stage = async (text: Uint8Array): Promise<string> => {
      staged = true;
      return this.#stage(id, text);
    };
    const argv = await commandArgv(command, this.#place.shell, stage, this.#shellFlags(command));
    const io: SpawnOptions = {
      cwd,
      env: hostEnvironment(options.env, id, cwd),
      stdin: options.stdin,
      inherit: options.inherit ?? false,
      pty: options.pty,
    };
    const graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
    const start = async (): Promise<[Child, boolean]> => {
      if (options.timeoutMs === undefined) {
        try {
          return [await spawnChild(argv, io), false];
        } catch (error) {
          if (!LIKE_A_SHELL.has(systemCode(error) ?? "")) throw startError(error);
        }
      }
      return [await this.#launch(argv, id, graceMs, io, options.timeoutMs), true];
    };
    let child: Child;
    let launched: boolean;
    try {
      [child, launched] = await start();
    } catch (error) {
      removeRecords(spool, id, undefined, LAUNCHER_FILES);
      throw error;
    }
    this.#place.started?.(child.pid);
    if (!launched) writeRecord(spool, id, child.pid);
    return new HostCommand(
      child,
      { id, spool, graceMs, timeoutMs: options.timeoutMs, launched, staged },
      options.signal,
    );
  }

  async #launch(
    argv: readonly [string, ...string[]],
    id: string,
    graceMs: number,
    io: SpawnOptions,
    timeoutMs: number | undefined,
  ): Promise<Child> {
    const through = throughShell(argv, io.env, false);
    // A deadline of no time at all is still one.
    const deadline = timeoutMs === undefined ? undefined : Math.max(1, timeoutMs);
    const launch = launchArgv(
      { id, spool: this.#place.spool, argv: through.argv, timeoutMs: deadline, graceMs },
      { sh: hostSh() },
    );
    checkSize(launch, through.env);
    try {
      return await spawnChild(launch, { ...io, env: through.env });
    } catch (error) {
      throw startError(error);
    }
  }

  #cwd(given: string | undefined): string {
    const cwd =
      given === undefined || isAbsolute(given) ? (given ?? this.#place.workspace) : join(this.#place.workspace, given);
    let directory: boolean;
    try {
      directory = statSync(cwd).isDirectory();
    } catch (error) {
      throw new GlueError(
        "cwdInvalid",
        `The folder to work in cannot be used: ${cwd} (${systemCode(error) ?? "unknown"})`,
        {
          cause: error,
        },
      );
    }
    if (!directory) throw new GlueError("cwdInvalid", `The folder to work in is not a folder: ${cwd}`);
    return cwd;
  }

  #stage(id: string, text: Uint8Array): string {
    const path = `${this.#place.spool}/${id}.script`;
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** The mode belongs to the user's own shell. */
  #shellFlags(command: Command): string[] {
    if (!("script" in command) || command.shell !== undefined) return [];
    return modeFlags(this.#place.shellMode);
  }
}

function modeFlags(mode: Options["shell.mode"]): string[] {
  switch (mode) {
    case "interactive":
      return ["-i"];
    case "login":
      return ["-l"];
    case "non_interactive":
      return [];
  }
}
