import { GlueError } from "../contract.ts";
import { CREDIT, type ExecEvents, type Sidecar } from "./sidecar.ts";

/** One frame of input. */
export const INPUT_PIECE = 1_048_576;

export interface ScriptResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Of stderr, what people are shown. */
const STDERR_BYTES = 65_536;

/** An exec of glue's own: its output in pieces as it is asked for, its input as it is sent. */
export class RunningExec {
  /** The status, once it is known; rejects where nobody can say. */
  readonly ended: Promise<number>;
  readonly #sidecar: Sidecar;
  readonly #pieces: Uint8Array[] = [];
  readonly #settle: { resolve(code: number): void; reject(error: unknown): void };
  #number = 0;
  #error = "";
  #closed = 0;
  #lost = false;
  #failure: unknown;
  #wake: () => void = () => undefined;

  private constructor(sidecar: Sidecar) {
    this.#sidecar = sidecar;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.ended = promise;
    this.#settle = { resolve, reject };
    promise.catch(() => undefined);
  }

  /** `timeout` in seconds: the service's own, the last resort. */
  static async start(
    sidecar: Sidecar,
    argv: readonly string[],
    how: { stdin?: boolean; timeout?: number } = {},
  ): Promise<RunningExec> {
    const running = new RunningExec(sidecar);
    const events: ExecEvents = {
      output: (fd, bytes) => running.#heard(fd, bytes),
      closed: (fd, lost) => running.#streamClosed(fd, lost),
      exited: (code, error) => running.#exited(code, error),
    };
    running.#number = await sidecar.exec(
      { argv, credit: CREDIT, stdin: how.stdin ?? false, timeout: how.timeout },
      events,
    );
    return running;
  }

  get stderr(): string {
    return this.#error;
  }

  /** The next piece of stdout; undefined at its end. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#sidecar.credit(this.#number, 1, piece.length);
        return piece;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#closed & 1) {
        if (this.#lost) throw new GlueError("runtimeUnreachable", "The connection to the sandbox broke off.");
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends input; false when nobody reads it any more. */
  async write(bytes: Uint8Array, eof = false): Promise<boolean> {
    let at = 0;
    do {
      const piece = bytes.subarray(at, at + INPUT_PIECE);
      at += piece.length;
      if (!(await this.#sidecar.input(this.#number, piece, eof && at >= bytes.length))) return false;
    } while (at < bytes.length);
    return true;
  }

  release(): void {
    this.#sidecar.release(this.#number);
  }

  #heard(fd: 1 | 2, bytes: Uint8Array): void {
    if (fd === 1) {
      this.#pieces.push(bytes);
      this.#wake();
      return;
    }
    this.#error = (this.#error + new TextDecoder().decode(bytes)).slice(-STDERR_BYTES);
    this.#sidecar.credit(this.#number, 2, bytes.length);
  }

  #streamClosed(fd: 1 | 2, lost: boolean): void {
    this.#closed |= fd;
    if (lost) this.#lost = true;
    this.#wake();
  }

  #exited(code: number | undefined, error: unknown): void {
    if (code !== undefined) {
      this.#settle.resolve(code);
      return;
    }
    this.#failure ??= error;
    this.#settle.reject(error);
    this.#wake();
  }
}

/** Runs something of glue's own to its end, with all of its output in memory. */
export async function runScript(
  sidecar: Sidecar,
  argv: readonly string[],
  how: { stdin?: Uint8Array; timeout?: number } = {},
): Promise<ScriptResult> {
  const running = await RunningExec.start(sidecar, argv, {
    stdin: how.stdin !== undefined,
    ...(how.timeout === undefined ? {} : { timeout: how.timeout }),
  });
  try {
    const sending = how.stdin === undefined ? undefined : running.write(how.stdin, true);
    sending?.catch(() => undefined);
    const parts: Uint8Array[] = [];
    for (let piece = await running.next(); piece !== undefined; piece = await running.next()) parts.push(piece);
    const code = await running.ended;
    await sending;
    return { code, stdout: Buffer.concat(parts), stderr: running.stderr };
  } finally {
    running.release();
  }
}
