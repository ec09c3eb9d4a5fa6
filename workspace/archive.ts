/**
 * Trees as tar archives, for sandboxes without git. Written so that GNU tar, BSD tar and busybox read it alike: ustar headers, and
 * GNU's own entries for long names, because busybox skips the names of pax headers. Names are bytes.
 */
import { GlueError } from "../spec/glue-error.ts";
import { concat } from "./bytes.ts";

/** A file, a symbolic link (its content is the target) or a folder. */
export interface ArchiveEntry {
  readonly path: Uint8Array;
  readonly kind: "file" | "symlink" | "folder";
  readonly executable?: boolean;
  /** Permission bits, where more is to be told than `executable`. */
  readonly mode?: number;
  /** Of the content, in bytes; 0 for a folder. */
  readonly size: number;
}

const BLOCK = 512;
const NAME = 100;
/** What fits into the eleven octal digits of a header. */
const OCTAL_SIZE = 8 ** 11;

/** The blocks in front of an entry's content; for a symbolic link everything, `target` included. */
export function archiveHeader(entry: ArchiveEntry, target?: Uint8Array): Uint8Array {
  const path = entry.kind === "folder" ? concat([entry.path, SLASH]) : entry.path;
  const blocks: Uint8Array[] = [];
  if (path.length > NAME) blocks.push(longName("L", path));
  if (target !== undefined && target.length > NAME) blocks.push(longName("K", target));
  const header = {
    name: path.subarray(0, NAME),
    link: target?.subarray(0, NAME) ?? new Uint8Array(0),
    mode:
      entry.mode ?? (entry.kind === "folder" || entry.executable ? 0o755 : entry.kind === "symlink" ? 0o777 : 0o644),
    size: entry.kind === "file" ? entry.size : 0,
    type: TYPES[entry.kind],
  };
  blocks.push(block(header));
  return concat(blocks);
}

const SLASH = new Uint8Array([0x2f]);
const TYPES = { file: "0", symlink: "2", folder: "5" } as const;

/** The zeros that fill up an entry's last block. */
export function archivePadding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/** What ends an archive. */
export const ARCHIVE_END = new Uint8Array(2 * BLOCK);

/** The number of bytes that an entry takes in an archive. */
export function archivedSize(entry: ArchiveEntry): number {
  const name = entry.path.length + (entry.kind === "folder" ? 1 : 0);
  const long = (length: number): number => (length > NAME ? BLOCK + length + 1 + archivePadding(length + 1).length : 0);
  if (entry.kind === "symlink") return BLOCK + long(name) + long(entry.size);
  const content = entry.kind === "file" ? entry.size + archivePadding(entry.size).length : 0;
  return BLOCK + long(name) + content;
}

function longName(type: "L" | "K", value: Uint8Array): Uint8Array {
  const size = value.length + 1;
  const header = block({ name: LONG_LINK, link: new Uint8Array(0), mode: 0o644, size, type });
  return concat([header, value, new Uint8Array(1), archivePadding(size)]);
}

const LONG_LINK = new TextEncoder().encode("././@LongLink");

interface Header {
  readonly name: Uint8Array;
  readonly link: Uint8Array;
  readonly mode: number;
  readonly size: number;
  readonly type: string;
}

/** One header block, in GNU's variant of ustar. Owner 0 and time 0: the reader is told to keep neither. */
function block(header: Header): Uint8Array {
  const bytes = Buffer.alloc(BLOCK);
  bytes.set(header.name, 0);
  bytes.write(octal(header.mode, 7), 100);
  bytes.write(octal(0, 7), 108);
  bytes.write(octal(0, 7), 116);
  writeSize(bytes, header.size);
  bytes.write(octal(0, 11), 136);
  bytes.write("        ", 148);
  bytes.write(header.type, 156);
  bytes.set(header.link, 157);
  bytes.write("ustar  \0", 257, "latin1");
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  return bytes;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

/** Eight gigabytes and more in base 256, as GNU tar and busybox read it. */
function writeSize(bytes: Buffer, size: number): void {
  if (size < OCTAL_SIZE) {
    bytes.write(octal(size, 11), 124);
    return;
  }
  if (!Number.isSafeInteger(size))
    throw new GlueError("internal", `A file of ${size} bytes does not fit into an archive.`);
  bytes[124] = 0x80;
  bytes.writeBigUInt64BE(BigInt(size), 128);
}
