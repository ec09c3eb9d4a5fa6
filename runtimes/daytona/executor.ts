import { posix } from "node:path";
import { newCommandId } from "../common/command-id.ts";
import { checkSize, commandArgv, quote, throughShell } from "../common/command-line.ts";
import { DEFAULT_GRACE_MS, launchArgv } from "../common/launch.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { type Command, type CommandExecutor, GlueError, type RunningCommand, type RunOptions } from "../contract.ts";
import { DaytonaCommand } from "./command.ts";
import { type Beginning, beginInput, feedInput } from "./feed-stdin.ts";
import type { Place } from "./place.ts";
import type { PlainCommand } from "./resident.ts";
import { Spool, type StartRequest } from "./spool.ts";
import type { Toolbox } from "./toolbox.ts";

/** How long the start waits for news: most commands are over by then, and need no other call. */
const START_MS = 400;
/** Larger inputs are uploaded. */
const INLINE_INPUT_BYTES = 48_000;

/** Runs commands in a sandbox, through its toolbox. */
export class DaytonaExecutor implements CommandExecutor {
  readonly #toolbox: Toolbox;
  readonly #place: Place;
  readonly #spool: Spool;
  readonly #live = new Set<{ abandon(): void }>();

  constructor(toolbox: Toolbox, place: Place) {
    this.#toolbox = toolbox;
    this.#place = place;
    this.#spool = new Spool(toolbox, place);
  }

  async run(command: Command, options: RunOptions = {}): Promise<RunningCommand> {
    const { signal, pty, graceMs = DEFAULT_GRACE_MS } = options;
    if (signal?.aborted) throw new GlueError("cancelled", "Interrupted before the command was started.");
    const id = newCommandId(this.#place.sessionId);
    const cwd = posix.resolve(WORKSPACE, options.cwd ?? "");
    const argv = await commandArgv(command, "sh", (text) => this.#stage(id, text));
    const env = { ...(pty === undefined ? {} : { TERM: pty.term }), ...options.env };
    const plain = { ...throughShell(argv, env), cwd };
    const script = this.#script(id, plain, options);
    if (pty !== undefined) {
      const { runInTerminal } = await import("./terminal.ts");
      return this.#keep(
        await runInTerminal(this.#toolbox, this.#place, this.#spool, { id, script, graceMs, options, pty, cwd }),
      );
    }
    const input = await this.#input(id, options.stdin);
    const poll = await this.#spool.start(id, {
      script,
      plain: options.timeoutMs === undefined ? plain : undefined,
      stdin: input.kind,
      ms: input.begun === undefined ? START_MS : 0,
    });
    if (poll.record?.how === "cwd") {
      this.#spool.finished(id);
      throw cwdInvalid(cwd);
    }
    const running = this.#keep(
      new DaytonaCommand(this.#spool, { id, graceMs, timeoutMs: options.timeoutMs, signal }, poll),
    );
    if (input.begun !== undefined) {
      feedInput(this.#spool, id, input.begun, running.over).catch((error: unknown) => running.inputFailed(error));
    }
    return running;
  }

  /** Asks no more about any command; what runs in the sandbox goes on. */
  abandonAll(): void {
    for (const running of this.#live) running.abandon();
    this.#spool.residency.drop();
  }

  /** Lets go of what it holds in a sandbox that others go on using. */
  async detach(): Promise<void> {
    this.abandonAll();
    await this.#spool.residency.close();
  }

  #keep<T extends RunningCommand & { abandon(): void }>(running: T): T {
    this.#live.add(running);
    const forget = () => this.#live.delete(running);
    running.wait().then(forget, forget);
    return running;
  }

  /** What sh reads: the variables, then the launcher in its place. */
  #script(id: string, { argv, cwd, env }: PlainCommand, options: RunOptions): string {
    const { own, sh } = this.#place;
    const { timeoutMs, graceMs = DEFAULT_GRACE_MS } = options;
    // A deadline of no time at all is still one.
    const deadline = timeoutMs === undefined ? undefined : Math.max(1, timeoutMs);
    const [, launcher, ...words] = launchArgv(
      { id, spool: this.#spool.folder, argv, timeoutMs: deadline, graceMs, cwd },
      { sh, file: `${own}/launch.sh` },
    );
    checkSize(words, env);
    const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
    // Read in by the same shell: one program less to start.
    return `${exports.join("")}set -- ${words.map(quote).join(" ")}\n. ${quote(launcher ?? "")}\n`;
  }

  async #input(id: string, stdin: RunOptions["stdin"]): Promise<{ kind: StartRequest["stdin"]; begun?: Beginning }> {
    if (stdin === undefined) return { kind: "none" };
    let bytes: Uint8Array;
    if (stdin instanceof Uint8Array) {
      bytes = stdin;
    } else {
      const begun = await beginInput(stdin);
      if (!begun.whole) return { kind: "pieces", begun };
      bytes = begun.bytes;
    }
    if (bytes.length === 0) return { kind: "none" };
    if (bytes.length <= INLINE_INPUT_BYTES) return { kind: bytes };
    await this.#toolbox.upload(`${this.#spool.folder}/${id}.stdin`, [bytes]);
    return { kind: "stored" };
  }

  /** A script too long for an argument, as a file in glue's own folder. */
  async #stage(id: string, text: Uint8Array): Promise<string> {
    const file = `${this.#spool.folder}/${id}.script`;
    await this.#toolbox.upload(file, [text]);
    return file;
  }
}

export function cwdInvalid(cwd: string): GlueError {
  return new GlueError(
    "cwdInvalid",
    `The folder to work in cannot be used in the sandbox: ${cwd} is missing, not a folder, or not permitted.`,
  );
}
