import type { Socket } from "bun";
import type { EngineStream } from "./engine.ts";

/** Bytes that may lie here unread before the socket is paused. */
const READ_AHEAD = 262_144;

/** A connection to a unix socket. It is never paused for longer than the reader is slow, and never read faster. */
export class RawStream implements EngineStream {
  /** Rejects when the connection fails before it stands. */
  readonly broken: Promise<never>;
  #breakIt: (error: Error) => void = () => undefined;
  #socket: Socket<undefined> | undefined;
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #paused = false;
  #ended = false;
  #error: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor() {
    this.broken = new Promise((_, reject) => {
      this.#breakIt = reject;
    });
    // Whoever reads or writes next gets the error; that nobody waits for this promise is no reason to end the process.
    this.broken.catch(() => undefined);
  }

  async connect(path: string): Promise<void> {
    const socket = await Bun.connect({
      unix: path,
      allowHalfOpen: true,
      socket: {
        data: (_, bytes) => this.#received(bytes),
        drain: () => this.#writable(),
        end: () => this.#over(),
        close: (_, error) => (error ? this.fail(error) : this.#over()),
        error: (_, error) => this.fail(error),
        connectError: (_, error) => this.fail(error),
      },
    });
    // Too late: whoever waited has gone.
    if (this.#error !== undefined) socket.terminate();
    this.#socket = socket;
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#breakIt(error);
    this.#over();
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const next = this.#take();
      if (next !== undefined) {
        if (this.#paused) {
          this.#paused = false;
          this.#socket?.resume();
        }
        return next;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** All that has arrived, as one piece: a slow reader then has few large pieces to pass on instead of many small ones. */
  #take(): Uint8Array | undefined {
    const [first, ...more] = this.#unread;
    this.#unread = [];
    this.#unreadBytes = 0;
    return more.length === 0 ? first : Buffer.concat([first ?? new Uint8Array(), ...more]);
  }

  /** Puts back what was read too far. */
  unread(bytes: Uint8Array): void {
    this.#unread.unshift(bytes);
    this.#unreadBytes += bytes.length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length; ) {
      if (this.#error !== undefined) throw this.#error;
      const socket = this.#socket;
      if (socket === undefined) throw new Error("the connection to the engine is closed");
      const count = socket.write(bytes, sent, bytes.length - sent);
      if (count < 0) throw this.#error ?? new Error("the connection to the engine is closed");
      sent += count;
      if (sent < bytes.length) {
        await new Promise<void>((resolve) => {
          this.#wakeWriter = resolve;
        });
      }
    }
  }

  endInput(): void {
    this.#socket?.shutdown();
  }

  destroy(): void {
    this.#unread = [];
    this.#socket?.terminate();
    this.#over();
  }

  #received(bytes: Uint8Array): void {
    this.#unread.push(bytes);
    this.#unreadBytes += bytes.length;
    if (!this.#paused && this.#unreadBytes >= READ_AHEAD) {
      this.#paused = true;
      this.#socket?.pause();
    }
    this.#wakeReader?.();
  }

  #writable(): void {
    this.#wakeWriter?.();
  }

  #over(): void {
    this.#ended = true;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }
}
