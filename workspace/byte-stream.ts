/** Byte streams made by generators. */
import type { ByteStream } from "../runtimes/contract.ts";

/** Joins small pieces, so that a tree of many small files does not become a stream of many small chunks. */
export class Gatherer {
  readonly #size = 262_144;
  #parts: Uint8Array[] = [];
  #length = 0;

  *add(part: Uint8Array): Generator<Uint8Array> {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#length += part.length;
    if (this.#length >= this.#size) yield* this.flush();
  }

  *flush(): Generator<Uint8Array> {
    if (this.#length === 0) return;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    yield whole;
  }
}

/** A byte stream that pulls from a generator; cancelling it ends the generator. */
export function streamOf(source: AsyncGenerator<Uint8Array>): ByteStream {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await source.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
}
