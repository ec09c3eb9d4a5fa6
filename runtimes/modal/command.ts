import { type ExitRecord, parseExitRecord, resultOfRecord } from "../common/exit-record.ts";
import { feedStdin } from "../common/feed-stdin.ts";
import { killArgv } from "../common/launch.ts";
import { type ByteStream, type CommandResult, GlueError, type RunningCommand, type RunOptions } from "../contract.ts";
import { runScript } from "./exec.ts";
import { ignoreUnstarted, MarkedOutput, type NotStarted } from "./marked-output.ts";
import { launcherOf, type Place, spoolOf } from "./place.ts";
import { CREDIT, type ExecEvents, type Sidecar } from "./sidecar.ts";
import { isDead } from "./sidecar-errors.ts";

export interface CommandFacts {
  readonly id: string;
  /** What its marks bear. */
  readonly token: string;
  readonly graceMs: number;
  readonly options: RunOptions;
}

/** How much later than the launcher's watchdog ours acts: only a missing `sleep` or a killed watchdog gets that far. */
const SECOND_WATCHDOG_MS = 1_000;
/** Until the exec's shell must have said that it started. */
const START_MS = 60_000;
/** Between two looks for the record, where the connection that should tell of the end was lost. */
const LOOK_MS = 1_000;
const KILL_SLACK_SECONDS = 30;

/** A command that runs in the sandbox; the sidecar carries its streams, and marks in them tell how it ended. */
export class ModalCommand implements RunningCommand {
  readonly id: string;
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  /** Resolves when the command runs; to why not when it does not. */
  readonly started: Promise<NotStarted>;
  readonly #sidecar: Sidecar;
  readonly #place: Place;
  readonly #facts: CommandFacts;
  readonly #output: MarkedOutput;
  readonly #result: Promise<CommandResult>;
  #exec = Promise.withResolvers<number>();
  #failure: GlueError | undefined;
  #isOver = false;
  #reason: "cancelled" | "timeout" | undefined;
  #ending: Promise<void> | undefined;

  private constructor(sidecar: Sidecar, place: Place, facts: CommandFacts) {
    this.id = facts.id;
    this.#sidecar = sidecar;
    this.#place = place;
    this.#facts = facts;
    this.#output = new MarkedOutput({
      token: facts.token,
      terminal: facts.options.pty !== undefined,
      taken: async (fd, bytes) => sidecar.credit(await this.#exec.promise, fd, bytes),
      done: () => this.#letGo(),
    });
    this.stdout = this.#output.stdout;
    this.stderr = this.#output.stderr;
    this.started = this.#output.started;
    this.#result = this.#settle();
    // A caller may never ask; whoever does ask gets the rejection.
    this.#result.catch(() => undefined);
    this.#exec.promise.catch(() => undefined);
  }

  static async start(
    sidecar: Sidecar,
    place: Place,
    argv: readonly string[],
    facts: CommandFacts,
  ): Promise<ModalCommand> {
    const command = new ModalCommand(sidecar, place, facts);
    const { pty } = facts.options;
    const events: ExecEvents = {
      output: (fd, bytes) => command.#output.arrived(fd, bytes),
      closed: (fd) => command.#output.closed(fd),
      exited: (_code, error) => command.#exited(error),
    };
    try {
      // The marks tell how it ended: nobody need ask the service.
      const params = { argv, credit: CREDIT, wait: false, stdin: true, pty: pty !== undefined };
      command.#exec.resolve(await sidecar.exec(params, events));
    } catch (error) {
      command.#exec.reject(error);
      command.#output.notStarted("");
      command.#output.abandon();
      throw error;
    }
    return command;
  }

  wait(): Promise<CommandResult> {
    return this.#result;
  }

  kill(): Promise<void> {
    return this.#end("cancelled");
  }

  /** The service takes no size after the start: the terminal is told from inside. */
  async resize({ columns, rows }: { columns: number; rows: number }): Promise<void> {
    const script = 'read -r pid rest <"$1" && stty columns "$2" rows "$3" <"/proc/$pid/fd/0"';
    const file = `${spoolOf(this.#place)}/${this.id}.pid`;
    const argv = [this.#place.sh, "-c", script, "glue", file, String(columns), String(rows)];
    const { code, stderr } = await runScript(this.#sidecar, argv, { timeout: KILL_SLACK_SECONDS });
    if (code !== 0) throw new GlueError("ioFailed", `The terminal's size could not be set: ${stderr.trim()}`);
  }

  /** Listens no more; what runs in the sandbox goes on. */
  abandon(): void {
    this.#output.abandon();
  }

  #exited(error: GlueError | undefined): void {
    if (error === undefined) return;
    this.#failure ??= error;
    this.#output.notStarted(error.message);
    this.#output.abandon();
  }

  /** When its end is known and both streams are done, nothing more is to be heard. */
  #letGo(): void {
    if (!this.#isOver || !this.#output.isDone) return;
    this.#exec.promise.then((exec) => this.#sidecar.release(exec), ignoreUnstarted);
  }

  async #settle(): Promise<CommandResult> {
    const { options, graceMs } = this.#facts;
    const late = setTimeout(() => this.#output.notStarted("nothing was heard of it"), START_MS);
    const started = await this.started;
    clearTimeout(late);
    if (started !== undefined) throw new GlueError("startFailed", "The command was not started.");
    const { signal, timeoutMs, stdin, pty } = options;
    // A failure to end the tree is told by `wait`, below.
    const onAbort = () => void this.#end("cancelled").catch(() => undefined);
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    const watchdog =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => void this.#end("timeout").catch(() => undefined), timeoutMs + SECOND_WATCHDOG_MS + graceMs);
    let unfed: unknown;
    if (stdin !== undefined || pty !== undefined) {
      this.#feed().catch((error: unknown) => {
        unfed = error;
        onAbort();
      });
    }
    try {
      const told = await this.#output.told;
      if (told !== undefined) await this.#output.complete();
      const record = told ?? (await this.#findRecord());
      // Cancelled or late, the result comes when nothing of the tree is left.
      await this.#ending;
      if (unfed !== undefined) throw unfed;
      const result: CommandResult =
        this.#reason === "timeout" ? { exitCode: 124, outcome: "timeout" } : resultOfRecord(record);
      return told === undefined || this.#output.isLost ? { ...result, outputLost: true } : result;
    } finally {
      clearTimeout(watchdog);
      signal?.removeEventListener("abort", onAbort);
      this.#isOver = true;
      this.#letGo();
    }
  }

  async #feed(): Promise<void> {
    const exec = await this.#exec.promise;
    const { stdin = new Uint8Array(), pty } = this.#facts.options;
    const send = async (payload: Uint8Array, eof: boolean) => {
      if (!(await this.#sidecar.input(exec, payload, eof)))
        throw new GlueError("ioFailed", "Nobody reads the input any more.");
    };
    const sink = {
      async write(bytes: Uint8Array) {
        for (let at = 0; at < bytes.length; at += 524_288) await send(bytes.subarray(at, at + 524_288), false);
      },
      // That the command has ended meanwhile is no error.
      endInput: () => void send(new Uint8Array(), true).catch(ignoreUnstarted),
    };
    await feedStdin(stdin, sink, pty !== undefined, this.#output.told);
  }

  /** After a connection that was lost: the launcher's own record, for as long as the sandbox can say whether there will be one. */
  async #findRecord(): Promise<ExitRecord> {
    const script = 'for file in exit pid; do cat "$1.$file" 2>/dev/null && exit; done';
    for (;;) {
      if (this.#failure !== undefined && isDead(this.#failure)) throw this.#unknown(this.#failure);
      try {
        const argv = [this.#place.sh, "-c", script, "glue", `${spoolOf(this.#place)}/${this.id}`];
        const { stdout } = await runScript(this.#sidecar, argv, { timeout: KILL_SLACK_SECONDS });
        const record = parseExitRecord(stdout.toString());
        if (record !== undefined) return record;
        if (stdout.length === 0) throw new GlueError("outcomeUnknown", "It left no record.");
      } catch (cause) {
        throw this.#unknown(cause);
      }
      await Bun.sleep(LOOK_MS);
    }
  }

  #unknown(cause: unknown): GlueError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new GlueError("outcomeUnknown", `Nobody can say how the command ended: ${why}`, { cause });
  }

  #end(reason: "cancelled" | "timeout"): Promise<void> {
    this.#reason ??= reason;
    this.#ending ??= this.#endTree();
    return this.#ending;
  }

  async #endTree(): Promise<void> {
    const { graceMs } = this.#facts;
    const argv = killArgv(
      { id: this.id, spool: spoolOf(this.#place), graceMs },
      { file: launcherOf(this.#place), sh: this.#place.sh },
    );
    const timeout = Math.ceil(graceMs / 1_000) + KILL_SLACK_SECONDS;
    const { code, stderr } = await runScript(this.#sidecar, argv, { timeout });
    if (code === 0) return;
    throw new GlueError(
      "processesLeft",
      `Not every process of the command could be ended: ${stderr.trim() || `exit code ${code}`}`,
    );
  }
}
