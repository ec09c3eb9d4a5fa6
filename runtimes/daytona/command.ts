import { resultOfRecord } from "../common/exit-record.ts";
import { type ByteStream, type CommandResult, GlueError, isGlueError, type RunningCommand } from "../contract.ts";
import { FetchedStream } from "./fetched-stream.ts";
import type { Poll } from "./poll.ts";
import type { Spool } from "./spool.ts";

export interface CommandFacts {
  readonly id: string;
  readonly graceMs: number;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** How much later than the launcher's watchdog ours acts: only a missing `sleep` or a killed watchdog gets that far. */
const SECOND_WATCHDOG_MS = 3_000;
/** How long one poll waits in the sandbox for something new: well under what proxies allow. */
const POLL_MS = 15_000;
/**
 * What a background child that holds an output open gets after the command's end: so long a wait in the sandbox for more of it, and so
 * many bytes. Everything that was stored before is fetched, however long the network takes.
 */
const DRAIN_MS = 250;
const DRAIN_BYTES = 64 * 1024 * 1024;

/**
 * A command in the sandbox, seen through polls: one at a time, each waiting there until there is something to tell. Only what somebody
 * reads is asked for.
 */
export class DaytonaCommand implements RunningCommand {
  readonly id: string;
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  readonly #spool: Spool;
  readonly #facts: CommandFacts;
  readonly #out: FetchedStream;
  readonly #err: FetchedStream;
  readonly #ended = Promise.withResolvers<Poll>();
  readonly #result: Promise<CommandResult>;
  #known = false;
  #drainMs = DRAIN_MS;
  #reason: "cancelled" | "timeout" | undefined;
  #ending: Promise<void> | undefined;
  #polling: AbortController | undefined;
  #asked = "";
  #stopped = false;
  #unfed: unknown;
  readonly #overNow = new AbortController();

  constructor(spool: Spool, facts: CommandFacts, first: Poll) {
    this.id = facts.id;
    this.#spool = spool;
    this.#facts = facts;
    const fetch = (which: "o" | "e") => (piece: number, from: number, to: number) =>
      spool.piece(facts.id, which, piece, from, to);
    const want = () => this.#wanted();
    this.#out = new FetchedStream(fetch("o"), want);
    this.#err = new FetchedStream(fetch("e"), want);
    this.stdout = this.#out.stream;
    this.stderr = this.#err.stream;
    this.#result = this.#settle();
    // A caller may never ask; whoever does ask gets the rejection.
    this.#result.catch(() => undefined);
    void this.#follow(first);
  }

  /** Aborted when nothing reads the command's stdin any more. */
  get over(): AbortSignal {
    return this.#overNow.signal;
  }

  /** Its stdin could not be read to the end: what it makes of the beginning is not what was meant. */
  inputFailed(error: unknown): void {
    this.#unfed = error;
    void this.#end("cancelled").catch(() => undefined);
  }

  wait(): Promise<CommandResult> {
    return this.#result;
  }

  kill(): Promise<void> {
    return this.#end("cancelled");
  }

  async resize(): Promise<void> {
    // It has no terminal.
  }

  /** Asks no more, whatever comes of the command. */
  abandon(): void {
    this.#stopped = true;
    this.#polling?.abort();
    const error = new GlueError("outcomeUnknown", "The session let go of the command before it ended.");
    this.#ended.reject(error);
    this.#out.finish();
    this.#err.finish();
  }

  /** Never rejects: what goes wrong is told by `wait` and by the streams. */
  async #follow(first: Poll): Promise<void> {
    try {
      let marks = { stdout: this.#out.mark, stderr: this.#err.mark };
      let poll = first;
      for (;;) {
        await this.#take(marks, poll);
        if (this.#stopped || (this.#known && this.#out.done && this.#err.done)) break;
        if (this.#known && !this.#out.wanted && !this.#err.wanted) await this.#somebodyWants();
        if (this.#stopped || (this.#known && this.#out.done && this.#err.done)) break;
        marks = { stdout: this.#out.mark, stderr: this.#err.mark };
        const next = await this.#ask(marks);
        if (next !== undefined) poll = next;
        else marks = { stdout: { piece: -1, offset: 0 }, stderr: { piece: -1, offset: 0 } };
      }
    } catch (error) {
      this.#ended.reject(error);
      // What the streams lack shows in the result, if that is known; else reading them tells.
      this.#out.fail(error);
      this.#err.fail(error);
    } finally {
      this.#spool.finished(this.id);
    }
  }

  async #take(
    asked: { stdout: { piece: number; offset: number }; stderr: { piece: number; offset: number } },
    poll: Poll,
  ): Promise<void> {
    if (poll.state === "unknown")
      throw new GlueError("outcomeUnknown", "The sandbox knows nothing of the command: its spool was removed.");
    const known = this.#known;
    if (poll.state === "over" && !known) {
      this.#known = true;
      this.#ended.resolve(poll);
    }
    await Promise.all([
      this.#out.take(asked.stdout, poll.stdout, known),
      this.#err.take(asked.stderr, poll.stderr, known),
    ]);
    if (poll.state === "dead") {
      this.#known = true;
      this.#ended.resolve(poll);
      // Its writers are gone: what is stored is all there is.
      this.#drainMs = 0;
    } else if (known) {
      this.#drainMs -= poll.waitedMs;
    }
    for (const [stream, { waiting }] of [
      [this.#out, poll.stdout],
      [this.#err, poll.stderr],
    ] as const) {
      if (this.#known && stream.afterEnd > DRAIN_BYTES) stream.finish();
      else if (this.#known && this.#drainMs <= 0 && waiting === 0 && stream.wanted) stream.finish();
    }
  }

  /** Undefined when it was called off because another stream is wanted now. */
  async #ask(marks: {
    stdout: { piece: number; offset: number };
    stderr: { piece: number; offset: number };
  }): Promise<Poll | undefined> {
    const polling = new AbortController();
    this.#polling = polling;
    const wanted = { stdout: this.#out.wanted, stderr: this.#err.wanted };
    this.#asked = `${wanted.stdout}${wanted.stderr}`;
    try {
      const ms = this.#known ? Math.max(0, this.#drainMs) : POLL_MS;
      return await this.#spool.poll(this.id, {
        wanted,
        marks,
        known: this.#known,
        ms,
        signal: polling.signal,
      });
    } catch (error) {
      if (polling.signal.aborted && isGlueError(error, "cancelled")) return undefined;
      throw error;
    } finally {
      this.#polling = undefined;
    }
  }

  #wakeFollower: () => void = () => undefined;

  #somebodyWants(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeFollower = resolve;
      if (this.#out.wanted || this.#err.wanted || this.#stopped) resolve();
    });
  }

  /** A poll that is under way was asked without this stream. */
  #wanted(): void {
    this.#wakeFollower();
    if (this.#polling === undefined) return;
    const now = `${this.#out.wanted}${this.#err.wanted}`;
    if (now !== this.#asked && now.includes("true")) this.#polling.abort();
  }

  async #settle(): Promise<CommandResult> {
    const { signal, timeoutMs, graceMs } = this.#facts;
    // A failure to end the tree is told by `wait`, below.
    const onAbort = () => void this.#end("cancelled").catch(() => undefined);
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    const watchdog =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => void this.#end("timeout").catch(() => undefined), timeoutMs + graceMs + SECOND_WATCHDOG_MS);
    try {
      const poll = await this.#ended.promise.catch((error: unknown) => {
        if (!isGlueError(error) || error.code === "outcomeUnknown" || error.code === "processesLeft") throw error;
        throw new GlueError(
          "outcomeUnknown",
          `It is unknown whether the command ran or how it ended: ${error.message}`,
          { hint: error.hint, cause: error },
        );
      });
      // Cancelled or late, the result comes when nothing of the tree is left.
      await this.#ending;
      if (this.#unfed !== undefined) throw this.#unfed;
      return this.#resultOf(poll);
    } finally {
      clearTimeout(watchdog);
      this.#overNow.abort();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #resultOf(poll: Poll): CommandResult {
    const lost = poll.lost ? { outputLost: true } : {};
    if (this.#reason === "timeout") return { exitCode: 124, outcome: "timeout", ...lost };
    if (poll.record !== undefined) return { ...resultOfRecord(poll.record), ...lost };
    if (poll.status === 125)
      throw new GlueError("startFailed", "The command was not started: the launcher cannot write to its spool.");
    throw new GlueError(
      "outcomeUnknown",
      "It is unknown how the command ended: what watched over it in the sandbox was killed.",
      {
        hint: `Its processes may still be running, with GLUE_COMMAND=${this.id} in their environment.`,
      },
    );
  }

  #end(reason: "cancelled" | "timeout"): Promise<void> {
    if (!this.#known) this.#reason ??= reason;
    if (this.#ending === undefined) {
      this.#ending = this.#spool.kill(this.id, this.#facts.graceMs);
      // What cannot be ended is not waited for: it may go on for ever.
      this.#ending.catch((error: unknown) => this.#ended.reject(error));
    }
    return this.#ending;
  }
}
