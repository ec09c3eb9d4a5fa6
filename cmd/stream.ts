import type { ByteStream, OutputSink, RunningCommand } from "../runtimes/contract.ts";
import type { Io } from "./io.ts";

/** The way of a command's output to our own stdout and stderr. */
export interface Output {
  /** For `RunOptions`; undefined where the bytes go out as JSON lines. */
  readonly sink: OutputSink | undefined;
  /**
   * Passes on what the command prints on its streams. Resolves to the bytes of each, those of the sink included, when both have ended;
   * throws `outputClosed` when nobody reads stdout any more (the command then still runs: end it).
   */
  passOn(running: Pick<RunningCommand, "stdout" | "stderr">): Promise<Carried>;
}

/** Bytes. */
export interface Carried {
  readonly stdout: number;
  readonly stderr: number;
}

/**
 * Output goes on byte for byte, or with `--json` as JSON lines on stdout. Memory is constant: the next bytes are read when the last ones
 * are written, so a slow reader slows the command.
 */
export function outputTo(io: Io): Output {
  const direct = io.json ? undefined : sinkTo(io);
  const line = oneAfterTheOther(async (bytes) => await io.stream(1, bytes));
  const [out, err] = io.json
    ? [jsonLines("stdout", line), jsonLines("stderr", line)]
    : [bytesTo(1, io), bytesTo(2, io)];
  return {
    sink: direct,
    async passOn(running) {
      const streams = Promise.all([pump(running.stdout, out), pump(running.stderr, err)]);
      const [stdout, stderr] = await (direct === undefined ? streams : Promise.race([streams, direct.failed]));
      return { stdout: stdout + (direct?.carried.stdout ?? 0), stderr: stderr + (direct?.carried.stderr ?? 0) };
    },
  };
}

/** Writes where it is called, without a stream in between. `failed` rejects when our own output cannot be written. */
function sinkTo(io: Io) {
  const carried = { stdout: 0, stderr: 0 };
  const failed = Promise.withResolvers<never>();
  // Whoever passes the output on gets it; that nobody does yet is no reason to end the process.
  failed.promise.catch(() => undefined);
  let broken = false;
  const fail = (error: unknown) => {
    broken = true;
    failed.reject(error);
  };
  const write: OutputSink["write"] = (stream, bytes) => {
    // What follows is nobody's: the command is being ended.
    if (broken) return undefined;
    carried[stream] += bytes.length;
    try {
      return io.stream(stream === "stdout" ? 1 : 2, bytes)?.catch(fail);
    } catch (error) {
      fail(error);
      return undefined;
    }
  };
  return { write, carried, failed: failed.promise };
}

interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

async function pump(stream: ByteStream, sink: Sink): Promise<number> {
  let carried = 0;
  for await (const bytes of stream) {
    carried += bytes.length;
    await sink.write(bytes);
  }
  await sink.end();
  return carried;
}

function bytesTo(fd: 1 | 2, io: Io): Sink {
  return { write: async (bytes) => await io.stream(fd, bytes), end: () => Promise.resolve() };
}

const encoder = new TextEncoder();

/** `{"type":"stdout","data":"…"}`: text where the bytes are text, else base64 and `encoding` says so. */
function jsonLines(type: "stdout" | "stderr", write: Write): Sink {
  const text = createTextSplitter();
  const line = (bytes: Uint8Array) => write(encoder.encode(`${JSON.stringify({ type, ...asJson(bytes) })}\n`));
  return {
    async write(bytes) {
      const whole = text.push(bytes);
      if (whole.length > 0) await line(whole);
    },
    async end() {
      const rest = text.end();
      if (rest.length > 0) await line(rest);
    },
  };
}

type Write = (bytes: Uint8Array) => Promise<void>;

/** A long line goes out in several pieces, and another one must not get in between. */
function oneAfterTheOther(write: Write): Write {
  let last: Promise<void> = Promise.resolve();
  return (bytes) => {
    last = last.then(() => write(bytes));
    return last;
  };
}

/** Bytes as a JSON field that gives exactly these bytes back. */
export function asJson(bytes: Uint8Array): { data: string; encoding?: "base64" } {
  try {
    return { data: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    // Not UTF-8: the decoder has no other way to say so.
    return {
      data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
      encoding: "base64",
    };
  }
}

/**
 * Holds back a character that a chunk ends in the middle of (at most 3 bytes) until the next chunk, so that text stays text.
 */
export function createTextSplitter(): { push(bytes: Uint8Array): Uint8Array; end(): Uint8Array } {
  let held: Uint8Array = new Uint8Array();
  return {
    push(bytes) {
      const all = held.length === 0 ? bytes : concat(held, bytes);
      const cut = all.length - unfinished(all);
      held = all.slice(cut);
      return all.subarray(0, cut);
    },
    end() {
      const rest = held;
      held = new Uint8Array();
      return rest;
    },
  };
}

/** How many bytes at the end begin a UTF-8 character that is not complete yet: 0 to 3. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    // 10xxxxxx continues a character that began further left.
    if (byte < 0xc0) continue;
    // No character begins with these.
    if (byte < 0xc2 || byte > 0xf4) return 0;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
