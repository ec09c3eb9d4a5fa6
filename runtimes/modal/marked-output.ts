import { type Channel, createChannel } from "../common/channel.ts";
import { drainAfterExit } from "../common/drain.ts";
import type { ExitRecord } from "../common/exit-record.ts";
import { createMarkFinder, type MarkFinder } from "../common/marks.ts";
import { readEndMark } from "../common/wrapper.ts";
import { type ByteStream, GlueError } from "../contract.ts";

/** Why a command does not run: its folder cannot be used, or what the exec's shell said. Undefined: it runs. */
export type NotStarted = undefined | "cwd" | { readonly text: string };

export interface OutputUse {
  /** What the marks bear. */
  readonly token: string;
  /** With a terminal everything arrives as stdout, and stderr is at its end from the start. */
  readonly terminal: boolean;
  /** The reader has taken so many bytes: as many more may come. */
  taken(fd: 1 | 2, bytes: number): Promise<void>;
  /** A stream has been read to its end, or nobody reads it any more. */
  done(): void;
}

/** How long a reader must take nothing before a result no longer waits for what it has yet to read. */
const STALL_MS = 500;

/** What an exec writes: the two streams of the command, and between them the marks that tell that it started and how it ended. */
export class MarkedOutput {
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  /** Resolves when the command runs, or when it is known that it does not. */
  readonly started: Promise<NotStarted>;
  /** The record that a mark told of; undefined when the streams ended, or were lost, without one. */
  readonly told: Promise<ExitRecord | undefined>;
  readonly #use: OutputUse;
  readonly #channels: Record<1 | 2, Channel>;
  readonly #finders: Record<1 | 2, MarkFinder>;
  readonly #turns: Record<1 | 2, Promise<void>> = { 1: Promise.resolve(), 2: Promise.resolve() };
  /** By stream: whether its last mark has come, and the promise of that or of its end without one. */
  readonly #marked: Record<1 | 2, boolean> = { 1: false, 2: false };
  readonly #ends = { 1: Promise.withResolvers<void>(), 2: Promise.withResolvers<void>() };
  readonly #start = Promise.withResolvers<NotStarted>();
  readonly #told = Promise.withResolvers<ExitRecord | undefined>();
  readonly #allArrived = Promise.withResolvers<void>();
  #isRunning = false;
  #isLost = false;
  #isGiven = false;
  #preamble = "";
  #open: number;
  /** Bytes that readers have taken, and streams of which a piece waits for room. */
  #takenBytes = 0;
  #full = 0;

  constructor(use: OutputUse) {
    this.#use = use;
    this.#open = use.terminal ? 1 : 2;
    if (use.terminal) this.#ends[2].resolve();
    const finder = (fd: 1 | 2) =>
      createMarkFinder(use.token, (words, before) => {
        this.#found(fd, words, before);
      });
    this.#finders = { 1: finder(1), 2: finder(2) };
    this.#channels = { 1: createChannel(() => use.done()), 2: createChannel(() => use.done()) };
    this.stdout = drainAfterExit(this.#channels[1].stream, this.#allArrived.promise);
    this.stderr = drainAfterExit(this.#channels[2].stream, this.#allArrived.promise);
    this.started = this.#start.promise;
    this.told = this.#told.promise;
    Promise.all([this.#ends[1].promise, this.#ends[2].promise]).then(() => this.#allArrived.resolve());
  }

  /** Whether bytes of a stream are known to be missing. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether nobody will read any more of either stream. */
  get isDone(): boolean {
    return this.#channels[1].isDone() && this.#channels[2].isDone();
  }

  /** In turn, each when there is room for it; credit goes back only when the reader has taken what came. */
  arrived(fd: 1 | 2, bytes: Uint8Array): void {
    this.#next(fd, async (channel) => {
      for (const piece of this.#finders[fd].push(bytes)) {
        if (this.#isRunning || fd === 2) await this.#put(channel, piece);
        else this.#preamble = (this.#preamble + new TextDecoder().decode(piece)).slice(0, 4_096);
      }
      this.#takenBytes += bytes.length;
      await this.#use.taken(fd, bytes.length);
    });
  }

  /** The stream has ended there. */
  closed(fd: 1 | 2): void {
    this.#next(fd, async (channel) => {
      await this.#put(channel, this.#finders[fd].end());
      const counts = fd === 1 || !this.#use.terminal;
      const isCut = counts && !this.#marked[fd];
      if (isCut) this.#isLost = true;
      // Whoever has the result already, without a word of this, must not take it for the end.
      channel.close(isCut && this.#isGiven ? lost() : undefined);
      this.#ends[fd].resolve();
      if (!counts || --this.#open > 0) return;
      this.notStarted(this.#preamble);
      this.#told.resolve(undefined);
    });
  }

  /** Nothing more will be heard; what came before is still to be read. */
  abandon(): void {
    this.#told.resolve(undefined);
    for (const fd of [1, 2] as const) {
      this.#ends[fd].resolve();
      this.#next(fd, async (channel) => channel.close());
    }
  }

  /** What keeps it from running; of no effect on one that runs. */
  notStarted(text: string): void {
    this.#start.resolve({ text });
  }

  /** Resolves when both streams have come whole or are known not to, or when their reader lets them wait. The result is given then. */
  async complete(): Promise<void> {
    let isOver = false;
    const whole = this.#allArrived.promise.then(() => {
      isOver = true;
    });
    for (;;) {
      const before = this.#takenBytes;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const later = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STALL_MS);
      });
      await Promise.race([whole, later]);
      clearTimeout(timer);
      if (isOver || (this.#full > 0 && this.#takenBytes === before)) break;
    }
    this.#isGiven = true;
  }

  #next(fd: 1 | 2, work: (channel: Channel) => Promise<void>): void {
    this.#turns[fd] = this.#turns[fd].then(() => work(this.#channels[fd])).catch(ignoreUnstarted);
  }

  async #put(channel: Channel, piece: Uint8Array): Promise<void> {
    this.#full += 1;
    await channel.put(piece);
    this.#full -= 1;
  }

  #found(fd: 1 | 2, words: string, before: Uint8Array[]): void {
    if (words === "start" || words === "cwd") {
      // What came before it was the shell's.
      before.length = 0;
      this.#isRunning = words === "start";
      this.#start.resolve(words === "start" ? undefined : "cwd");
      return;
    }
    this.#marked[fd] = true;
    this.#told.resolve(readEndMark(words).record);
    this.#ends[fd].resolve();
  }
}

function lost(): GlueError {
  return new GlueError("transferFailed", "Output of the command was lost on its way.");
}

/** For what was never started: whoever started it has been told. */
export function ignoreUnstarted(): void {
  return;
}
