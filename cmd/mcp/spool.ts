import { closeSync, openSync, readSync, writeSync } from "node:fs";

/** Up to here the output of a command stays in memory. Bytes. */
const IN_MEMORY = 262_144;
/** Up to here it is kept in a file, whole; of what comes after only the end. Bytes. */
const KEPT = 268_435_456;
/** How much of the end is kept beyond that. Bytes. */
const TAIL = 65_536;

/** One stream of a command's output while its session lasts: readable from any offset, in little memory. */
export class Spool {
  /** Bytes that came so far. */
  size = 0;
  readonly #path: string;
  #memory: Uint8Array[] = [];
  #tail: Uint8Array = new Uint8Array();
  #fd: number | undefined;
  #room = KEPT;

  /** `path`: where it is kept when it becomes long. Its folder is there. */
  constructor(path: string) {
    this.#path = path;
  }

  write(bytes: Uint8Array): void {
    const room = Math.max(0, this.#room - this.size);
    this.size += bytes.length;
    if (bytes.length > room) this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-TAIL);
    const kept = bytes.slice(0, room);
    if (this.#fd === undefined && this.size <= IN_MEMORY) {
      this.#memory.push(kept);
      return;
    }
    try {
      this.#fd ??= this.#moveToFile();
      writeWhole(this.#fd, kept);
    } catch {
      // The disk is full: the command goes on, and of its output the end is kept from here on.
      this.#room = 0;
      this.#tail = Buffer.concat([this.#tail, kept]).subarray(-TAIL);
    }
  }

  #moveToFile(): number {
    const fd = openSync(this.#path, "w+", 0o600);
    for (const earlier of this.#memory) writeWhole(fd, earlier);
    this.#memory = [];
    return fd;
  }

  /** A range; shorter at the end, and empty in the part that was not kept. */
  read(offset: number, length: number): Uint8Array {
    const tailFrom = this.size - this.#tail.length;
    if (offset >= tailFrom && this.#tail.length > 0)
      return this.#tail.subarray(offset - tailFrom, offset - tailFrom + length);
    if (this.#fd === undefined) return Buffer.concat(this.#memory).subarray(offset, offset + length);
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, readSync(this.#fd, bytes, 0, length, offset));
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
