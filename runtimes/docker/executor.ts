import { newCommandId } from "../common/command-id.ts";
import { checkSize, commandArgv, throughShell } from "../common/command-line.ts";
import { DEFAULT_GRACE_MS } from "../common/launch.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { wrappedArgv } from "../common/wrapper.ts";
import { type Command, type CommandExecutor, GlueError, type RunOptions, type SandboxDeath } from "../contract.ts";
import type { DockerApi } from "./api.ts";
import { DockerCommand } from "./command.ts";
import { containerFailure } from "./container-errors.ts";
import { PRIVATE } from "./create.ts";
import { runScript } from "./exec.ts";
import { LAUNCHER_FILE, type Place, SPOOL } from "./place.ts";
import { engineWire, type Wire } from "./wire.ts";

/** Runs commands in the container, each by an exec of its own. */
export class DockerExecutor implements CommandExecutor {
  readonly #api: DockerApi;
  readonly #place: Place;
  readonly #shell: string;
  readonly #onDeath: (death: SandboxDeath) => void;
  readonly #live = new Set<DockerCommand>();

  /** `shell` runs scripts that name none. */
  constructor(api: DockerApi, place: Place, shell: string, onDeath: (death: SandboxDeath) => void) {
    this.#api = api;
    this.#place = place;
    this.#shell = shell;
    this.#onDeath = onDeath;
  }

  get shell(): [string] {
    return [this.#shell];
  }

  async run(command: Command, options: RunOptions = {}): Promise<DockerCommand> {
    if (options.signal?.aborted) throw new GlueError("cancelled", "Interrupted before the command was started.");
    const { sessionId, sh, home } = this.#place;
    const id = newCommandId(sessionId);
    const cwd = absolute(options.cwd ?? "");
    const argv = await commandArgv(command, this.#shell, (text) => this.#stage(id, text));
    const environment = {
      ...(home === undefined ? {} : { HOME: home }),
      ...(options.pty === undefined ? {} : { TERM: options.pty.term }),
      ...options.env,
    };
    const through = throughShell(argv, environment);
    const { timeoutMs, graceMs = DEFAULT_GRACE_MS } = options;
    // A deadline of no time at all is still one.
    const deadline = timeoutMs === undefined ? undefined : Math.max(1, timeoutMs);
    const token = crypto.randomUUID();
    const words = wrappedArgv(
      { id, spool: SPOOL, argv: through.argv, timeoutMs: deadline, graceMs, cwd },
      { sh, file: LAUNCHER_FILE, token, pty: options.pty },
    );
    checkSize(words, through.env);
    const { wire, exec } = await this.#start(id, words, through.env, options);
    const facts = { id, exec, token, graceMs, options };
    const running = new DockerCommand(this.#api, this.#place, wire, facts, this.#onDeath);
    this.#live.add(running);
    void running.over.then(() => this.#live.delete(running));
    const failed = await running.started;
    if (failed === undefined) {
      // For an image without stty; it may fail with the command's end, and then nobody needs it.
      if (options.pty !== undefined) running.resize(options.pty).catch(() => undefined);
      return running;
    }
    running.abandon();
    if (failed === "cwd") {
      throw new GlueError(
        "cwdInvalid",
        `The folder to work in cannot be used in the container: ${cwd} is missing, not a folder, or not permitted.`,
      );
    }
    if (failed === "changed") {
      throw new GlueError("startFailed", `glue's own folder in the container, ${PRIVATE}, was removed or changed.`, {
        hint: "The container's files are still there; a new session has a folder of its own.",
      });
    }
    throw await this.#notStarted(failed.text);
  }

  /** Closes every connection; what runs in the container goes on. */
  abandonAll(): void {
    for (const running of this.#live) running.abandon();
  }

  /** By the lane where there is one, else by an exec of the engine's. */
  async #start(
    id: string,
    argv: string[],
    env: Record<string, string>,
    options: RunOptions,
  ): Promise<{ wire: Wire; exec?: string }> {
    const terminal = options.pty !== undefined;
    const stdin = options.stdin !== undefined;
    const recycle = options.sink !== undefined;
    const { lane, container } = this.#place;
    if (lane !== undefined && !terminal && (!stdin || options.stdinOnce === true)) {
      const { startInLane } = await import("./lane/lane.ts");
      // The lane's shell is the one that these words name.
      const [, , script = "", , ...words] = argv;
      const wire = await startInLane(lane, { id, script, words, env, input: stdin });
      if (wire !== undefined) return { wire };
    }
    try {
      const { id: exec, stream } = await this.#api.exec(container, {
        Cmd: argv,
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        Tty: terminal,
        AttachStdin: stdin || terminal,
        AttachStdout: true,
        AttachStderr: !terminal,
      });
      return { wire: engineWire(stream, { terminal, recycle }), exec };
    } catch (error) {
      throw await this.#failure(error);
    }
  }

  async #failure(error: unknown): Promise<GlueError> {
    return await containerFailure(this.#api, this.#place.container, error);
  }

  /** The engine says on the stream why it could not start the shell. */
  async #notStarted(text: string): Promise<GlueError> {
    const failure = await containerFailure(this.#api, this.#place.container, undefined);
    if (failure !== undefined) return failure;
    return new GlueError(
      "startFailed",
      `The command could not be started in the container: ${text.trim() || "nobody said why"}`,
    );
  }

  /** A script too long for an argument, as a file that only its user reads. */
  async #stage(id: string, text: Uint8Array): Promise<string> {
    const file = `${SPOOL}/${id}.script`;
    const script = { script: 'umask 077; cat >"$1"', sh: this.#place.sh, words: [file], stdin: text };
    const { code, stderr } = await runScript(this.#api, this.#place, script);
    if (code === 0) return file;
    throw new GlueError("ioFailed", `The script could not be written into the container: ${stderr.trim()}`);
  }
}

/** Left to the container's shell to make sense of; only what it is relative to is ours. */
function absolute(path: string): string {
  if (path === "") return WORKSPACE;
  return path.startsWith("/") ? path : `${WORKSPACE}/${path}`;
}
