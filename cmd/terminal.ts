import { constants, fstatSync, openSync, type Stats, statSync, write, writeSync } from "node:fs";
import type { ByteStream } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";

/** The three file descriptors of this process, as commands see them; tests put their own in its place. */
export interface Terminal {
  /** Writes all of it before it returns. Throws `outputClosed` when nobody reads any more. */
  write(fd: 1 | 2, bytes: Uint8Array): void;
  /**
   * The same without holding up the process while a reader is slow: timers and signals go on. Returns undefined where all of it is
   * written already; `bytes` must stay as they are until then.
   */
  stream(fd: 1 | 2, bytes: Uint8Array): Promise<void> | undefined;
  isTTY(fd: 0 | 1 | 2): boolean;
  /** The size of the terminal at `fd`, undefined where it is none. */
  size(fd: 0 | 1 | 2): { columns: number; rows: number } | undefined;
  /** What stdin is: `nothing` where it is closed or /dev/null. */
  stdinKind(): "terminal" | "data" | "nothing";
  /** The bytes of stdin, read when they are asked for. To be called once. */
  stdin(): ByteStream;
  /** Prepares our terminals for a command that has one of its own; the function that it resolves to puts them back. */
  handOver(keys: boolean): Promise<() => void>;
}

/** The real one. `process.stdout` and `process.stdin` are not touched: the first touch costs 10 ms in Bun, even on a pipe. */
export const processTerminal: Terminal = {
  write(fd, bytes) {
    let done = 0;
    while (done < bytes.length) {
      try {
        done += writeSync(fd, bytes, done);
      } catch (error) {
        if (errnoOf(error) !== "EAGAIN") throw writeError(fd, error);
        // Another process made the shared descriptor non-blocking and its reader is slow.
        Bun.sleepSync(1);
      }
    }
  },
  stream(fd, bytes) {
    const done = writeAtOnce(fd, bytes);
    return done < bytes.length ? writeInTurn(fd, bytes, done) : undefined;
  },
  isTTY(fd) {
    return mayBeTerminal(fd) && tty().isatty(fd);
  },
  size(fd) {
    if (!this.isTTY(fd)) return undefined;
    const { columns, rows } = new (tty().WriteStream)(fd);
    // A terminal that was never told its size says 0.
    return columns > 0 && rows > 0 ? { columns, rows } : undefined;
  },
  stdinKind() {
    const stat = statOf(0);
    if (stat === undefined) return "nothing";
    if (!stat.isCharacterDevice()) return "data";
    if (isNull(stat)) return "nothing";
    return this.isTTY(0) ? "terminal" : "data";
  },
  stdin: () => Bun.stdin.stream(),
  async handOver(keys) {
    const { setRaw } = await import("./raw-mode.ts");
    const putBack: (() => void)[] = [];
    // Both are most often the same terminal: what was first is put back last.
    if (this.isTTY(1)) putBack.unshift(setRaw(1, { input: false, output: true }));
    if (keys) putBack.unshift(setRaw(0, { input: true, output: true }));
    return () => {
      for (const one of putBack) one();
    };
  },
};

/** Descriptors of ours for the pipes behind 1 and 2; undefined where there is none to be had. */
const direct = new Map<1 | 2, number | undefined>();

/**
 * A pipe opened anew does not block, and leaves the descriptor that other processes share as it is. Linux only. It saves the thread of
 * the pool, and its wake-ups, wherever the reader keeps up.
 */
function directTo(fd: 1 | 2): number | undefined {
  if (!direct.has(fd)) direct.set(fd, openDirect(fd));
  return direct.get(fd);
}

function openDirect(fd: 1 | 2): number | undefined {
  if (process.platform !== "linux" || statOf(fd)?.isFIFO() !== true) return undefined;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // No /proc, another user's pipe, or nobody reads any more: the usual way does as well, and says what is wrong.
    return undefined;
  }
}

/** Writes what the pipe takes now, and returns how many bytes that was. */
function writeAtOnce(fd: 1 | 2, bytes: Uint8Array): number {
  const own = directTo(fd);
  if (own === undefined) return 0;
  try {
    return writeSync(own, bytes);
  } catch (error) {
    if (errnoOf(error) === "EAGAIN") return 0;
    throw writeError(fd, error);
  }
}

async function writeInTurn(fd: 1 | 2, bytes: Uint8Array, from: number): Promise<void> {
  for (let done = from; done < bytes.length; ) {
    try {
      done += await writeOnce(fd, bytes, done);
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw writeError(fd, error);
      await Bun.sleep(1);
    }
  }
}

/**
 * On a thread of the pool, which may block. Bun's own writers would make the pipe non-blocking for every process that shares it,
 * and break whichever writes to it after us.
 */
function writeOnce(fd: 1 | 2, bytes: Uint8Array, from: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, from, bytes.length - from, null, (error, written) => (error ? reject(error) : resolve(written)));
  });
}

function writeError(fd: 1 | 2, error: unknown): GlueError {
  const code = errnoOf(error);
  if (code === "EPIPE") return new GlueError("outputClosed", "Nobody reads the output any more.", { cause: error });
  const name = fd === 1 ? "stdout" : "stderr";
  return new GlueError("ioFailed", `Cannot write to ${name} (${code ?? "no reason given"}).`, { cause: error });
}

/** Loaded only where there may be a terminal: it costs 3 ms, and an `import` cannot wait in a function that is not async. */
function tty(): typeof import("node:tty") {
  return require("node:tty");
}

/** A pipe, a file and the null device need no further question. */
function mayBeTerminal(fd: number): boolean {
  const stat = statOf(fd);
  return stat?.isCharacterDevice() === true && !isNull(stat);
}

function isNull(stat: Stats): boolean {
  return stat.rdev === statSync("/dev/null", { throwIfNoEntry: false })?.rdev;
}

/** Undefined for a descriptor that is closed. */
function statOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch (error) {
    if (errnoOf(error) === "EBADF") return undefined;
    throw error;
  }
}

/** The system's name of an error (`ENOENT`), if it is one of the system's. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
