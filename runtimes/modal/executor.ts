import { posix } from "node:path";
import { newCommandId } from "../common/command-id.ts";
import { checkSize, commandArgv, quote, throughShell } from "../common/command-line.ts";
import { DEFAULT_GRACE_MS } from "../common/launch.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { wrappedArgv } from "../common/wrapper.ts";
import { type Command, type CommandExecutor, GlueError, type RunOptions } from "../contract.ts";
import { ModalCommand } from "./command.ts";
import { runScript } from "./exec.ts";
import { launcherOf, type Place, spoolOf } from "./place.ts";
import type { Sidecar } from "./sidecar.ts";

/** Modal takes 65,536 bytes of arguments. */
const MAX_ARGV_BYTES = 48_000;
const STAGE_SECONDS = 120;

/** Runs commands in the sandbox, each by an exec of its own. */
export class ModalExecutor implements CommandExecutor {
  readonly #sidecar: Sidecar;
  readonly #place: Place;
  readonly #live = new Set<ModalCommand>();

  constructor(sidecar: Sidecar, place: Place) {
    this.#sidecar = sidecar;
    this.#place = place;
  }

  async run(command: Command, options: RunOptions = {}): Promise<ModalCommand> {
    if (options.signal?.aborted) throw new GlueError("cancelled", "Interrupted before the command was started.");
    const { sessionId, sh } = this.#place;
    const id = newCommandId(sessionId);
    const cwd = posix.resolve(WORKSPACE, options.cwd ?? "");
    const argv = await commandArgv(command, "sh", (text) => this.#stage(`${id}.script`, text));
    const { timeoutMs, graceMs = DEFAULT_GRACE_MS, pty } = options;
    const through = throughShell(argv, { ...(pty === undefined ? {} : { TERM: pty.term }), ...options.env });
    // A deadline of no time at all is still one.
    const deadline = timeoutMs === undefined ? undefined : Math.max(1, timeoutMs);
    const token = crypto.randomUUID();
    const words = wrappedArgv(
      { id, spool: spoolOf(this.#place), argv: through.argv, timeoutMs: deadline, graceMs, cwd },
      { sh, file: launcherOf(this.#place), token, pty },
    );
    // At its end from the start: telling the service so would be one more call for each command.
    if (options.stdin === undefined && pty === undefined) words[2] = `exec </dev/null\n${words[2]}`;
    checkSize(words, through.env);
    const running = await ModalCommand.start(this.#sidecar, this.#place, await this.#sendable(id, words, through.env), {
      id,
      token,
      graceMs,
      options,
    });
    this.#live.add(running);
    const forget = () => this.#live.delete(running);
    running.wait().then(forget, forget);
    const failed = await running.started;
    if (failed === undefined) return running;
    if (failed === "cwd") {
      throw new GlueError(
        "cwdInvalid",
        `The folder to work in cannot be used in the sandbox: ${cwd} is missing, not a folder, or not permitted.`,
      );
    }
    throw new GlueError("startFailed", `The command could not be started: ${failed.text.trim() || "nobody said why"}`);
  }

  abandonAll(): void {
    for (const running of this.#live) running.abandon();
  }

  /** Variables never travel as arguments, which others in the sandbox can read, nor as a stored secret: a file that removes itself has them. */
  async #sendable(id: string, words: string[], env: Record<string, string>): Promise<readonly string[]> {
    const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
    const bytes = words.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
    if (exports.length === 0 && bytes <= MAX_ARGV_BYTES) return words;
    const file = `${spoolOf(this.#place)}/${id}.start`;
    // Read whole before it removes itself: the rest is one command.
    const text = `{ rm -f ${quote(file)}\n${exports.join("")}exec ${words.map(quote).join(" ")}\n}\n`;
    await this.#stage(`${id}.start`, Buffer.from(text));
    return [this.#place.sh, file];
  }

  async #stage(name: string, text: Uint8Array): Promise<string> {
    const file = `${spoolOf(this.#place)}/${name}`;
    const argv = [this.#place.sh, "-c", 'umask 077; cat >"$1"', "glue", file];
    const { code, stderr } = await runScript(this.#sidecar, argv, { stdin: text, timeout: STAGE_SECONDS });
    if (code === 0) return file;
    throw new GlueError("ioFailed", `The command could not be written into the sandbox: ${stderr.trim()}`);
  }
}
