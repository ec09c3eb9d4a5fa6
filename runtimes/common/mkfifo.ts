import { openLibc } from "./libc.ts";

/** mkfifo(3), which neither Bun nor node has: true where the pipe is made. */
export type MakeFifo = (path: string, mode: number) => boolean;

let loaded: Promise<MakeFifo | undefined> | undefined;

/** Undefined where `openLibc` finds none. */
export function loadMkfifo(): Promise<MakeFifo | undefined> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<MakeFifo | undefined> {
  const libc = await openLibc({ mkfifo: { args: ["ptr", "u32"], returns: "i32" } });
  if (libc === undefined) return undefined;
  const { ptr } = await import("bun:ffi");
  return (path, mode) => libc.mkfifo(ptr(Buffer.from(`${path}\0`)), mode) === 0;
}
