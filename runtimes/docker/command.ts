import { type Channel, createChannel } from "../common/channel.ts";
import { drainAfterExit } from "../common/drain.ts";
import { emptyStream } from "../common/empty-stream.ts";
import { type ExitRecord, resultOfRecord } from "../common/exit-record.ts";
import { feedStdin } from "../common/feed-stdin.ts";
import { killArgv } from "../common/launch.ts";
import { createMarkFinder, type MarkFinder } from "../common/marks.ts";
import { createSinkChannel } from "../common/sink-channel.ts";
import { readEndMark } from "../common/wrapper.ts";
import {
  type ByteStream,
  type CommandResult,
  GlueError,
  type RunningCommand,
  type RunOptions,
  type SandboxDeath,
} from "../contract.ts";
import type { DockerApi } from "./api.ts";
import { runLauncher } from "./launcher.ts";
import { watchLauncher } from "./launcher-watch.ts";
import { findOutcome, noRecord } from "./outcome.ts";
import { LAUNCHER_FILE, type Place, SPOOL } from "./place.ts";
import type { Wire } from "./wire.ts";

export interface CommandFacts {
  readonly id: string;
  /** The engine's id of the exec, where it is one. */
  readonly exec?: string | undefined;
  /** What its marks bear. */
  readonly token: string;
  readonly graceMs: number;
  readonly options: RunOptions;
}

/** How much later than the launcher's watchdog ours acts: only a missing `sleep` or a killed watchdog gets that far. */
const SECOND_WATCHDOG_MS = 1_000;
/** Until the exec's shell must have said that it started. */
const START_MS = 60_000;
/** Of what the engine says before the start. */
const PREAMBLE_BYTES = 4_096;

/** A command that runs in the container, behind the wire that carries its streams. */
export class DockerCommand implements RunningCommand {
  readonly id: string;
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  /** Resolves when the command runs; to what the engine or the shell said when it does not: that the folder cannot be entered, that the launcher is gone, or text. */
  readonly started: Promise<undefined | "cwd" | "changed" | { readonly text: string }>;
  /** Settles when nothing is left to do for it: its streams are at their end and its result is known. */
  readonly over: Promise<unknown>;
  readonly #api: DockerApi;
  readonly #place: Place;
  readonly #facts: CommandFacts;
  readonly #wire: Wire;
  #resized: Promise<void> = Promise.resolve();
  readonly #result: Promise<CommandResult>;
  readonly #out;
  readonly #err;
  readonly #sayStarted: (how: undefined | "cwd" | "changed" | { text: string }) => void;
  /** The record that the command's shell told of, or undefined when the stream ended without one. */
  readonly #told = Promise.withResolvers<ExitRecord | "no record" | undefined>();
  /** All that the command wrote has arrived. */
  readonly #allArrived = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();
  /** Streams that nobody is left to write to, although the engine may not say so for long. */
  readonly #quiet = new Set<"stdout" | "stderr">();
  #running = false;
  /** Counts what has arrived. */
  #heard = 0;
  #preamble: Buffer = Buffer.alloc(0);
  #endsToCome: number;
  #reason: "cancelled" | "timeout" | undefined;
  #ending: Promise<void> | undefined;

  constructor(api: DockerApi, place: Place, wire: Wire, facts: CommandFacts, onDeath: (death: SandboxDeath) => void) {
    this.id = facts.id;
    this.#api = api;
    this.#place = place;
    this.#wire = wire;
    this.#facts = facts;
    const terminal = facts.options.pty !== undefined;
    this.#endsToCome = terminal ? 1 : 2;
    this.#out = this.#channel("stdout");
    this.#err = this.#channel("stderr");
    this.stdout = drainAfterExit(this.#out.stream, this.#allArrived.promise);
    this.stderr = terminal ? emptyStream() : drainAfterExit(this.#err.stream, this.#allArrived.promise);
    // With a terminal everything arrives as stdout.
    if (terminal) void this.#err.stream.cancel();
    const started = Promise.withResolvers<undefined | "cwd" | "changed" | { text: string }>();
    this.started = started.promise;
    this.#sayStarted = started.resolve;
    void this.#pump();
    this.#result = this.#settle(onDeath);
    // A caller may never ask; whoever does ask gets the rejection.
    this.#result.catch(() => undefined);
    this.over = Promise.allSettled([this.#result, this.#done.promise]);
  }

  #channel(which: "stdout" | "stderr"): Channel {
    const { sink } = this.#facts.options;
    const onDone = () => this.#letGo();
    return sink === undefined ? createChannel(onDone) : createSinkChannel((bytes) => sink.write(which, bytes), onDone);
  }

  wait(): Promise<CommandResult> {
    return this.#result;
  }

  kill(): Promise<void> {
    return this.#end("cancelled");
  }

  /** One after the other, so that the size given last is the one that stays. */
  resize({ columns, rows }: { columns: number; rows: number }): Promise<void> {
    const { exec } = this.#facts;
    if (exec === undefined) return Promise.resolve();
    const resized = this.#resized.then(() => this.#api.resizeExec(exec, columns, rows));
    // Whoever asked hears of the failure; the next size is tried all the same.
    this.#resized = resized.catch(() => undefined);
    return resized;
  }

  /** Closes the connection, whatever comes of the command. */
  abandon(): void {
    this.#wire.destroy();
  }

  /** Moves what arrives to where it is read, as fast as it is. Never rejects: how the connection ended shows in the result. */
  async #pump(): Promise<void> {
    const { token } = this.#facts;
    const sunk = this.#facts.options.sink !== undefined;
    const finders: Record<"stdout" | "stderr", MarkFinder> = {
      stdout: createMarkFinder(token, (words, before) => this.#marked("stdout", words, before)),
      stderr: createMarkFinder(token, (words, before) => this.#marked("stderr", words, before)),
    };
    const put = (which: "stdout" | "stderr", bytes: Uint8Array) => {
      if (!this.#running) this.#preamble = Buffer.concat([this.#preamble, bytes]).subarray(0, PREAMBLE_BYTES);
      // The engine itself only ever writes to stdout. The command's stderr can overtake the mark that says it has started.
      if (!this.#running && which === "stdout") return undefined;
      const full = (which === "stdout" ? this.#out : this.#err).put(bytes);
      return this.#running || sunk ? full : undefined;
    };
    try {
      for (let runs = await this.#wire.read(); runs !== undefined; runs = await this.#wire.read()) {
        this.#heard++;
        for (const { stream, bytes } of runs) {
          for (const piece of finders[stream].push(bytes)) {
            const full = put(stream, piece);
            if (full !== undefined) await full;
          }
          if (this.#quiet.has(stream)) (stream === "stdout" ? this.#out : this.#err).close();
        }
        // What came before the last mark in this piece is passed on by now.
        if (this.#endsToCome === 0) this.#allArrived.resolve();
      }
    } catch {
      // A connection that broke and one that was closed early are the same from here on: the end is missing.
    }
    await put("stdout", finders.stdout.end());
    await put("stderr", finders.stderr.end());
    this.#wire.destroy();
    this.#sayStarted({ text: this.#preamble.toString() });
    this.#told.resolve(undefined);
    this.#out.close();
    this.#err.close();
    this.#done.resolve();
  }

  #marked(which: "stdout" | "stderr", words: string, before: Uint8Array[]): void {
    if (words === "start" || words === "cwd" || words === "changed") {
      // What came before it was the engine's.
      before.length = 0;
      this.#wire.connected?.();
      this.#running = words === "start";
      this.#sayStarted(words === "start" ? undefined : words);
      return;
    }
    const { record, quiet } = readEndMark(words);
    // What was put before it in the same piece is still to come.
    if (quiet) this.#quiet.add(which);
    this.#told.resolve(record ?? "no record");
    this.#endsToCome--;
  }

  /** Closes the connection when both streams are done and nothing more is to be learned from it. */
  #letGo(): void {
    if (!this.#out?.isDone() || !this.#err?.isDone()) return;
    this.#told.promise.then(() => {
      this.#wire.destroy();
      this.#done.resolve();
    });
  }

  async #settle(onDeath: (death: SandboxDeath) => void): Promise<CommandResult> {
    const { options } = this.#facts;
    const late = setTimeout(() => this.#wire.destroy(), START_MS);
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
        : setTimeout(
            () => void this.#end("timeout").catch(() => undefined),
            timeoutMs + SECOND_WATCHDOG_MS + this.#facts.graceMs,
          );
    let unfed: unknown;
    if (stdin !== undefined || pty !== undefined) {
      feedStdin(stdin ?? new Uint8Array(), this.#wire, pty !== undefined, this.#told.promise).catch(
        (error: unknown) => {
          unfed = error;
          onAbort();
        },
      );
    }
    const endWatch = watchLauncher(this.#api, this.#place, this.id, {
      heard: () => this.#heard,
      onDeath: () => this.#wire.destroy(),
    });
    try {
      const told = await this.#told.promise;
      if (told === "no record") throw noRecord();
      const record = told ?? (await findOutcome(this.#api, this.#place, this.id, onDeath));
      // Cancelled or late, the result comes when nothing of the tree is left.
      await this.#ending;
      if (unfed !== undefined) throw unfed;
      const result = this.#resultOf(record);
      return told === undefined ? { ...result, outputLost: true } : result;
    } finally {
      endWatch();
      clearTimeout(watchdog);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #resultOf(record: ExitRecord): CommandResult {
    if (this.#reason === "timeout") return { exitCode: 124, outcome: "timeout" };
    return resultOfRecord(record);
  }

  #end(reason: "cancelled" | "timeout"): Promise<void> {
    this.#reason ??= reason;
    this.#ending ??= this.#endTree();
    return this.#ending;
  }

  /** As root: the command may have become another user. */
  async #endTree(): Promise<void> {
    const { graceMs } = this.#facts;
    const argv = killArgv({ id: this.id, spool: SPOOL, graceMs }, { file: LAUNCHER_FILE, sh: this.#place.sh });
    const { code, stderr } = await runLauncher(this.#api, this.#place, argv, graceMs);
    if (code === 0) return;
    throw new GlueError(
      "processesLeft",
      `Not every process of the command could be ended: ${stderr.trim() || `exit code ${code}`}`,
    );
  }
}
