import { emptyStream } from "../common/empty-stream.ts";
import { parseExitRecord, resultOfRecord } from "../common/exit-record.ts";
import {
  type ByteStream,
  type CommandResult,
  GlueError,
  isGlueError,
  type RunningCommand,
  type RunOptions,
  type SandboxDeath,
} from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import { cliError, failureOf } from "./cli-errors.ts";
import type { CliProcess } from "./cli-process.ts";
import { type Delivery, deliver, type Origin } from "./deliver.ts";
import { endCommand } from "./end-tree.ts";
import { feedStdin } from "./feed-stdin.ts";
import { type LiveStream, liveStream } from "./live-stream.ts";
import { findOutcome, look, type Outcome, parseCounts, unknown } from "./outcome.ts";
import type { Place } from "./place.ts";
import { killServiceSession } from "./service-session.ts";

export interface CommandFacts {
  readonly id: string;
  /** What its marks bear. */
  readonly token: string;
  readonly graceMs: number;
  readonly options: RunOptions;
}

/** How a command began: it runs; its folder cannot be used; or it certainly never ran, and may be started again. */
export type Beginning = "running" | "cwd" | { readonly notStarted: GlueError };

/** How much later than the launcher's watchdog ours acts: only a killed watchdog or a lost connection gets that far. */
const SECOND_WATCHDOG_MS = 1_500;
/** How long the program may take to end by itself when all has been said. */
const LINGER_MS = 2_000;
/** After so long without a word a running command is looked for: a connection can be dead without having ended. */
const QUIET_MS = 30_000;
/** Until the sprite's shell must have said that it started; after that it is ended, and started again where it certainly did not run. */
const START_MS = 30_000;

/** A command that runs in the sprite, behind one call of the program. */
export class SpriteCommand implements RunningCommand {
  readonly id: string;
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  readonly begun: Promise<Beginning>;
  /** Resolves when it is over and its output delivered: then nothing of it in the sprite is needed any more. */
  readonly released: Promise<void>;
  readonly #cli: SpriteCli;
  readonly #place: Place;
  readonly #facts: CommandFacts;
  readonly #process: CliProcess;
  readonly #onDeath: (death: SandboxDeath) => void;
  readonly #out: LiveStream;
  readonly #err: LiveStream | undefined;
  readonly #begun = Promise.withResolvers<"running" | "cwd" | "ended">();
  /** What the marks told; undefined when the program ended without them. */
  readonly #told = Promise.withResolvers<Outcome | undefined>();
  #result: Promise<CommandResult> | undefined;
  #heard = -1;
  #reason: "cancelled" | "timeout" | undefined;
  #ending: Promise<void> | undefined;
  readonly #released = Promise.withResolvers<void>();
  #abandoned = false;

  constructor(
    cli: SpriteCli,
    place: Place,
    started: CliProcess,
    facts: CommandFacts,
    onDeath: (death: SandboxDeath) => void,
  ) {
    this.id = facts.id;
    this.#cli = cli;
    this.#place = place;
    this.#process = started;
    this.#facts = facts;
    this.#onDeath = onDeath;
    const onMark = (words: string) => this.#marked(words);
    this.#out = liveStream(started.stdout, facts.token, false, onMark);
    this.#err = started.stderr === undefined ? undefined : liveStream(started.stderr, facts.token, true, onMark);
    this.stdout = this.#out.stream;
    this.stderr = this.#err?.stream ?? emptyStream();
    void Promise.all([this.#out.over, this.#err?.over]).then(() => {
      this.#begun.resolve("ended");
      this.#told.resolve(undefined);
    });
    this.released = this.#released.promise;
    this.begun = this.#begin();
  }

  wait(): Promise<CommandResult> {
    return this.#result ?? Promise.reject(new GlueError("internal", "A command is waited for that never began."));
  }

  kill(): Promise<void> {
    return this.#end("cancelled");
  }

  async resize(size: { columns: number; rows: number }): Promise<void> {
    this.#process.resize(size);
  }

  /** Lets go of it, whatever becomes of it. */
  abandon(): void {
    this.#abandoned = true;
    this.#process.kill();
  }

  #marked(words: string): void {
    if (words === "start") this.#begun.resolve("running");
    if (words === "cwd") this.#begun.resolve("cwd");
    const [, record = "", counts = ""] = /^end ([^|]*?)(?: \| (.*))?$/.exec(words) ?? [];
    const parsed = parseExitRecord(`${record}\n`);
    if (parsed !== undefined) this.#told.resolve({ record: parsed, counts: parseCounts(counts) });
  }

  async #begin(): Promise<Beginning> {
    const late = setTimeout(() => this.#process.kill(), START_MS);
    let how = await this.#begun.promise;
    clearTimeout(late);
    if (how === "cwd") {
      this.#process.kill();
      return "cwd";
    }
    if (how === "ended") {
      const failed = await this.#whyNot();
      if (failed !== undefined) return { notStarted: failed };
      how = "running";
    }
    this.#result = this.#settle();
    // A caller may never ask; whoever does ask gets the rejection.
    this.#result.catch(() => undefined);
    return "running";
  }

  /**
   * Why the command did not start; undefined where it did, and only the word of it was lost. After a connection that broke, what the
   * service may still run is ended first, so that what is true now stays true.
   */
  async #whyNot(): Promise<GlueError | undefined> {
    const said = `${this.#out.said}\n${this.#err?.said ?? ""}`;
    const failure = failureOf(said);
    const error = cliError(`The command could not be started in the sprite ${this.#place.name}`, said);
    if (failure === "gone") this.#onDeath({ reason: `The sprite ${this.#place.name} no longer exists.`, final: true });
    if (failure !== "lost" && failure !== "unknown") return error;
    try {
      await killServiceSession(this.#cli, this.#place, this.#facts.token);
      const seen = await look(this.#cli, this.#place, this.id);
      return seen === "none"
        ? new GlueError("runtimeUnreachable", error.message, { retryable: true, cause: error })
        : undefined;
    } catch (cause) {
      throw unknown(error.message, cause);
    }
  }

  async #settle(): Promise<CommandResult> {
    const { signal, timeoutMs, stdin, graceMs } = this.#facts.options;
    // A failure to end the tree is told by `wait`, below.
    const onAbort = () => void this.#end("cancelled").catch(() => undefined);
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    const lateMs = (timeoutMs ?? 0) + (graceMs ?? this.#facts.graceMs) + SECOND_WATCHDOG_MS;
    const watchdog =
      timeoutMs === undefined ? undefined : setTimeout(() => void this.#end("timeout").catch(() => undefined), lateMs);
    let unfed: unknown;
    let delivery: Delivery | undefined;
    feedStdin(stdin ?? new Uint8Array(), this.#process, this.#told.promise).catch((error: unknown) => {
      unfed = error;
      onAbort();
    });
    const watch = setInterval(() => void this.#lookIfQuiet(), QUIET_MS);
    try {
      const told = await this.#told.promise;
      clearInterval(watch);
      const outcome = told ?? (await findOutcome(this.#cli, this.#place, this.id, this.#onDeath));
      delivery = deliver(this.#origin(), { out: this.#out, err: this.#err }, outcome.counts);
      const lost = await delivery.lost;
      // Cancelled or late, the result comes when nothing of the tree is left.
      await this.#ending;
      if (unfed !== undefined) throw unfed;
      const result: CommandResult =
        this.#reason === "timeout" ? { exitCode: 124, outcome: "timeout" } : resultOfRecord(outcome.record);
      return lost ? { ...result, outputLost: true } : result;
    } finally {
      clearInterval(watch);
      clearTimeout(watchdog);
      signal?.removeEventListener("abort", onAbort);
      void this.#letGo(delivery);
    }
  }

  #origin(): Origin {
    return {
      cli: this.#cli,
      place: this.#place,
      id: this.id,
      terminal: this.#process.terminal,
      isGivenUp: () => this.#abandoned,
      disconnect: () => this.#process.kill(),
    };
  }

  /** Gives the connection up where the command is over, or the sprite gone, and nobody said so. */
  async #lookIfQuiet(): Promise<void> {
    const heard = this.#out.received + (this.#err?.received ?? 0);
    if (heard !== this.#heard) {
      this.#heard = heard;
      return;
    }
    try {
      if ((await look(this.#cli, this.#place, this.id)) === "alive") return;
      await Bun.sleep(LINGER_MS);
    } catch (error) {
      // A service that does not answer says nothing of the command; only a sprite that is gone does.
      if (!isGlueError(error, "sandboxGone")) return;
    }
    this.#process.kill();
    this.#told.resolve(undefined);
  }

  /** Ends the streams, when all of the output is delivered, and then the connection. */
  async #letGo(delivery: Delivery | undefined): Promise<void> {
    await delivery?.over;
    this.#out.close();
    this.#err?.close();
    this.#released.resolve();
    const timer = setTimeout(() => this.#process.kill(), LINGER_MS);
    await this.#process.exited;
    clearTimeout(timer);
  }

  #end(reason: "cancelled" | "timeout"): Promise<void> {
    this.#reason ??= reason;
    this.#ending ??= endCommand(this.#cli, this.#place, this.id, this.#facts.token, this.#facts.graceMs);
    return this.#ending;
  }
}
