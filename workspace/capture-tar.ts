/**
 * Reads tar archives as a stream, one or several behind each other: ustar, GNU's long names and pax headers, as GNU tar, BSD tar and
 * busybox write them. Names are bytes, which is why no library is used: those at hand read them as UTF-8.
 */
import type { ByteStream } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { concat } from "./bytes.ts";

export interface TarEntry {
  /** As written, without `./` in front and `/` behind. */
  readonly path: Uint8Array;
  readonly type: "file" | "hardlink" | "symlink" | "folder" | "other";
  readonly mode: number;
  /** Of the content that follows, in bytes. */
  readonly size: number;
  /** Target of a symbolic link; the path of an earlier entry for a hard link. */
  readonly link: Uint8Array;
  /** The content; what of it is not read is passed over. */
  content(): AsyncGenerator<Uint8Array>;
}

const BLOCK = 512;

/** The entries of an archive. `transferFailed` where it ends in the middle or is no archive. */
export async function* readTar(stream: ByteStream): AsyncGenerator<TarEntry> {
  const source = new Source(stream);
  let long: { path?: Uint8Array; link?: Uint8Array; size?: number } = {};
  try {
    for (;;) {
      const header = await source.take(BLOCK);
      if (header === undefined) return;
      // Zeros end an archive; another may follow.
      if (header.every((byte) => byte === 0)) continue;
      const { type, ...plain } = readHeader(header);
      if (type === "L" || type === "K" || type === "x" || type === "g") {
        const value = await source.exactly(plain.size);
        await source.skip(padding(plain.size));
        if (type === "L") long.path = untilNul(value);
        else if (type === "K") long.link = untilNul(value);
        else if (type === "x") long = { ...long, ...readPax(value) };
        continue;
      }
      const size = TYPES[type] === "file" ? (long.size ?? plain.size) : 0;
      let left = size;
      yield {
        path: trimmed(long.path ?? plain.path),
        type: TYPES[type] ?? "other",
        mode: plain.mode,
        size,
        link: type === "1" ? trimmed(long.link ?? plain.link) : (long.link ?? plain.link),
        async *content() {
          while (left > 0) {
            const bytes = await source.some(left);
            left -= bytes.length;
            yield bytes;
          }
        },
      };
      await source.skip(left + padding(size));
      long = {};
    }
  } finally {
    await source.cancel();
  }
}

const TYPES: Readonly<Record<string, TarEntry["type"]>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "folder",
};

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function readHeader(header: Uint8Array) {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (sum !== octal(header, 148, 8)) throw new GlueError("transferFailed", "What tar sent is not an archive.");
  const name = untilNul(header.subarray(0, 100));
  const isPosix = Buffer.from(header.subarray(257, 263)).toString("latin1") === "ustar\0";
  const prefix = isPosix ? untilNul(header.subarray(345, 500)) : new Uint8Array(0);
  return {
    path: prefix.length === 0 ? name : concat([prefix, SLASH, name]),
    mode: octal(header, 100, 8),
    size: octal(header, 124, 12),
    type: String.fromCharCode(header[156] ?? 0),
    link: untilNul(header.subarray(157, 257)),
  };
}

const SLASH = new Uint8Array([0x2f]);

/** A number in octal digits, or in base 256 where the first bit is set. */
function octal(header: Uint8Array, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  if (((field[0] ?? 0) & 0x80) === 0)
    return Number.parseInt(Buffer.from(field).toString("latin1").replaceAll("\0", " ").trim() || "0", 8);
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

function trimmed(path: Uint8Array): Uint8Array {
  let from = 0;
  while (path[from] === 0x2e && path[from + 1] === 0x2f) from += 2;
  let to = path.length;
  while (to > from && path[to - 1] === 0x2f) to -= 1;
  return path.subarray(from, to);
}

/** Records of "LENGTH KEY=VALUE\n", the length counting itself. */
function readPax(bytes: Uint8Array): { path?: Uint8Array; link?: Uint8Array; size?: number } {
  const found: { path?: Uint8Array; link?: Uint8Array; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(Buffer.from(bytes.subarray(at, space)).toString("latin1"));
    if (space === -1 || !Number.isSafeInteger(length) || length <= 0) break;
    const equals = bytes.indexOf(0x3d, space);
    const key = Buffer.from(bytes.subarray(space + 1, equals)).toString("latin1");
    const value = bytes.slice(equals + 1, at + length - 1);
    if (key === "path") found.path = value;
    else if (key === "linkpath") found.link = value;
    else if (key === "size") found.size = Number(Buffer.from(value).toString("latin1"));
    at += length;
  }
  return found;
}

/** Bytes in the portions that the reader wants. */
class Source {
  readonly #reader;
  #buffer: Uint8Array = new Uint8Array(0);

  constructor(stream: ByteStream) {
    this.#reader = stream.getReader();
  }

  /** Up to `limit` bytes, at least one. */
  async some(limit: number): Promise<Uint8Array> {
    while (this.#buffer.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) throw new GlueError("transferFailed", "The archive ends in the middle.", { retryable: true });
      this.#buffer = value;
    }
    const bytes = this.#buffer.subarray(0, limit);
    this.#buffer = this.#buffer.subarray(bytes.length);
    return bytes;
  }

  async exactly(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let left = length; left > 0; ) {
      const bytes = await this.some(left);
      parts.push(bytes);
      left -= bytes.length;
    }
    return concat(parts);
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) left -= (await this.some(left)).length;
  }

  /** As `exactly`; undefined where the stream is at its end. */
  async take(length: number): Promise<Uint8Array | undefined> {
    while (this.#buffer.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#buffer = value;
    }
    return await this.exactly(length);
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
