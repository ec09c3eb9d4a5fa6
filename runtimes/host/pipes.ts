/**
 * Real pipes for a command's streams. Bun connects a child by socket pairs, and those cannot be opened by name: `> /dev/stderr`,
 * `tee /dev/stdout` and `cat /dev/stdin` would fail in the child with ENXIO. Where libc cannot be reached, a socket pair it is.
 */
import { closeSync } from "node:fs";
import { openLibc } from "../common/libc.ts";
import type { ByteStream } from "../contract.ts";

export interface Pipe {
  readonly read: number;
  readonly write: number;
}

type MakePipe = () => Pipe | undefined;
let makePipe: Promise<MakePipe> | undefined;

/** A new pipe, closed on exec at both ends, or undefined where there is no way to get one. The caller closes both ends. */
export async function openPipe(): Promise<Pipe | undefined> {
  makePipe ??= loadMakePipe();
  return (await makePipe)();
}

const O_CLOEXEC = 0o2000000;

async function loadMakePipe(): Promise<MakePipe> {
  const libc = await openLibc({ pipe2: { args: ["ptr", "i32"], returns: "i32" } });
  // The fallback works everywhere but for the names above.
  if (libc === undefined) return () => undefined;
  const { ptr } = await import("bun:ffi");
  return () => {
    const ends = new Int32Array(2);
    if (libc.pipe2(ptr(ends), O_CLOEXEC) !== 0) return undefined;
    const [read, write] = ends;
    return read === undefined || write === undefined ? undefined : { read, write };
  };
}

/** Closes a descriptor of ours; one that is closed already is a bug, and is thrown. */
export function closeEnd(descriptor: number): void {
  closeSync(descriptor);
}

/** The bytes that arrive in a pipe, read only when asked for. Does not close the descriptor. */
export function pipeStream(descriptor: number): ByteStream {
  return Bun.file(descriptor).stream();
}
