import { closeSync, constants, openSync, write, writeSync } from "node:fs";

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** The stdin of a command in the container: a named pipe, by its end here. */
export class LaneInput {
  /** Takes what the pipe has room for. */
  readonly #now: number;
  /** Waits for room, on a thread of the pool. */
  readonly #later: number;
  /** Until the container has opened the pipe: without a reader it takes nothing. */
  #kept: number | undefined;
  #writing: Promise<void> = Promise.resolve();
  #ended = false;

  /** `path`: a named pipe that nobody has opened yet. Throws where it cannot be opened. */
  constructor(path: string) {
    const opened: number[] = [];
    const open = (flags: number) => {
      const fd = openSync(path, flags);
      opened.push(fd);
      return fd;
    };
    try {
      this.#kept = open(O_RDONLY | O_NONBLOCK);
      this.#now = open(O_WRONLY | O_NONBLOCK);
      this.#later = open(O_WRONLY);
    } catch (error) {
      for (const fd of opened) closeSync(fd);
      throw error;
    }
  }

  /** The container has its end: from here on nobody reading is told from nobody reading yet. */
  connected(): void {
    if (this.#kept !== undefined) closeSync(this.#kept);
    this.#kept = undefined;
  }

  write(bytes: Uint8Array): Promise<void> {
    const written = this.#writing.then(() => this.#writeAll(bytes));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  /** Its reader is at the end once all was read that was written before. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.connected();
    // Not under a write that is still going on: its number may be another file's by then.
    void this.#writing.then(() => {
      closeSync(this.#now);
      closeSync(this.#later);
    });
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const left = bytes.subarray(done);
      done += atOnce(this.#now, left) || (await inTurn(this.#later, left));
    }
  }
}

function atOnce(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}

function inTurn(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, null, (error, written) => (error ? reject(error) : resolve(written)));
  });
}
