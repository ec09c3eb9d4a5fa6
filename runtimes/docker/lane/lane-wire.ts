import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ByteStream } from "../../contract.ts";
import type { Run } from "../demux.ts";
import type { Wire } from "../wire.ts";
import type { LaneInput } from "./lane-input.ts";

/** File descriptors of this process. */
interface Ends {
  readonly out: number;
  readonly err: number;
  /** What keeps the pipes from being at their end before the command has opened them. */
  readonly kept: readonly number[];
}

/** Read only when asked for. */
function pipeReader(fd: number) {
  const stream: ByteStream = Bun.file(fd).stream();
  return stream.getReader();
}

type Stream = Run["stream"];

/** The pipes of one command in the container, by their ends here. */
export class LaneWire implements Wire {
  readonly #folder: string;
  readonly #ends: Ends;
  readonly #input: LaneInput | undefined;
  readonly #readers: Record<Stream, ReturnType<typeof pipeReader>>;
  readonly #arrived: Run[] = [];
  #open = 2;
  #failure: unknown;
  /** One waker, not a race of promises: each race would leave a reaction on the stream that is silent, and keep what it brought. */
  #wake: () => void = () => undefined;
  #connected = false;
  #destroyed = false;

  constructor(folder: string, ends: Ends, input: LaneInput | undefined) {
    this.#folder = folder;
    this.#ends = ends;
    this.#input = input;
    this.#readers = {
      stdout: pipeReader(ends.out),
      stderr: pipeReader(ends.err),
    };
    for (const stream of ["stdout", "stderr"] as const) this.#ask(stream);
  }

  async speaksWithin(ms: number): Promise<boolean> {
    const spoken = () => this.#arrived.length > 0 || this.#open === 0;
    if (spoken()) return true;
    const timer = setTimeout(() => this.#wake(), ms);
    await this.#woken();
    clearTimeout(timer);
    return spoken();
  }

  /** True where the container had not begun with it, and will not. */
  withdraw(): boolean {
    try {
      closeSync(openSync(join(this.#folder, "claim"), "wx"));
      return true;
    } catch {
      // It is there: the command has been begun.
      return false;
    }
  }

  async read(): Promise<readonly Run[] | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#destroyed) return undefined;
      const run = this.#arrived.shift();
      if (run !== undefined) {
        this.#ask(run.stream);
        return [run];
      }
      if (this.#open === 0) return undefined;
      await this.#woken();
    }
  }

  /** Both ends are open: from here on the pipes end with the command, and need no names. */
  connected(): void {
    if (this.#connected) return;
    this.#connected = true;
    for (const fd of this.#ends.kept) closeSync(fd);
    this.#input?.connected();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#input?.write(bytes) ?? Promise.reject(new Error("this command of the lane has no input"));
  }

  endInput(): void {
    this.#input?.end();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.connected();
    this.endInput();
    this.#wake();
    for (const [stream, fd] of [
      ["stdout", this.#ends.out],
      ["stderr", this.#ends.err],
    ] as const) {
      // What was asked for and comes no more is nobody's.
      const close = () => closeSync(fd);
      this.#readers[stream].cancel().then(close, close);
    }
  }

  /** Asks for the next bytes of one stream; not before the last ones are fetched, so that no more is read than is passed on. */
  #ask(stream: Stream): void {
    this.#readers[stream].read().then(
      ({ value }) => {
        if (value === undefined) this.#open--;
        else this.#arrived.push({ stream, bytes: value });
        this.#wake();
      },
      (error: unknown) => {
        this.#failure ??= error;
        this.#wake();
      },
    );
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
