import type { ByteStream } from "../contract.ts";
import type { Mark, Seen } from "./poll.ts";

/** Fetches bytes of a piece that were too many to come with an answer. */
export type FetchPiece = (piece: number, from: number, to: number) => Promise<ByteStream>;

/**
 * One output of a command, put together from what polls bring. It wants more only when somebody reads and nothing waits: a stream that
 * nobody reads fetches nothing, and what is not fetched stops the command.
 */
export class FetchedStream {
  readonly stream: ByteStream;
  readonly #fetch: FetchPiece;
  readonly #onWant: () => void;
  #mark: Mark = { piece: 0, offset: 0 };
  #ended = false;
  #cancelled = false;
  #failure: unknown;
  /** What is here and not yet handed on, and what is on its way. */
  #bytes: Uint8Array | undefined;
  #source: ReturnType<typeof readerOf> | undefined;
  #asked = false;
  /** Bytes that came after the command's end was known. */
  afterEnd = 0;
  #wake: () => void = () => undefined;

  constructor(fetch: FetchPiece, onWant: () => void) {
    this.#fetch = fetch;
    this.#onWant = onWant;
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: async () => {
          this.#cancelled = true;
          await this.#source?.cancel();
          this.#onWant();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Whether the next poll should bring bytes of it. */
  get wanted(): boolean {
    return this.#asked && !this.done && this.#bytes === undefined && this.#source === undefined;
  }

  /** Nothing more will be asked for. */
  get done(): boolean {
    return this.#ended || this.#cancelled || this.#failure !== undefined;
  }

  get mark(): Mark {
    return this.#mark;
  }

  /** Whether the bytes of an answer to a question of `mark` are still to be taken. */
  async take(asked: Mark, seen: Seen, afterEnd: boolean): Promise<void> {
    // An answer that came late, after another brought the same.
    if (asked.piece !== this.#mark.piece || asked.offset !== this.#mark.offset) return;
    if (this.#bytes !== undefined || this.#source !== undefined || this.done) return;
    this.#mark = { piece: seen.piece, offset: seen.offset };
    if (afterEnd && this.#asked) this.afterEnd += seen.waiting;
    if (seen.bytes !== undefined && seen.bytes.length > 0) {
      this.#bytes = seen.bytes;
      this.#mark = { piece: seen.piece, offset: seen.offset + seen.bytes.length };
      this.#ended = seen.last;
    } else if (seen.ended) {
      this.#ended = true;
    } else if (seen.waiting > 0 && this.#asked) {
      const source = await this.#fetch(seen.piece, seen.offset, seen.offset + seen.waiting);
      this.#source = readerOf(source);
      this.#ended = seen.last;
    }
    this.#wake();
  }

  /** No more will come, whether or not that was the end. */
  finish(): void {
    this.#ended = true;
    this.#wake();
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      const here = this.#bytes;
      if (here !== undefined) {
        this.#bytes = undefined;
        this.#asked = false;
        return controller.enqueue(here);
      }
      if (this.#source !== undefined) {
        const { done, value } = await this.#source.read();
        if (!done) {
          this.#mark = { piece: this.#mark.piece, offset: this.#mark.offset + value.length };
          return controller.enqueue(value);
        }
        this.#source = undefined;
        continue;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return controller.close();
      this.#asked = true;
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#onWant();
      await woken;
    }
  }
}

/** The default reader, by name: the type of `getReader` alone is that of every kind. */
function readerOf(stream: ByteStream) {
  return stream.getReader();
}
