/** mkfifo(3), which neither Bun nor node has: true where the pipe is made. */
export type MakeFifo = (path: string, mode: number) => boolean;

let loaded: Promise<MakeFifo | undefined> | undefined;

/** Undefined where there is no C library to be had, or no Linux. Loading it costs 0.2 ms. */
export function loadMkfifo(): Promise<MakeFifo | undefined> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<MakeFifo | undefined> {
  if (process.platform !== "linux") return undefined;
  const { dlopen, ptr } = await import("bun:ffi");
  for (const library of ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]) {
    try {
      const { mkfifo } = dlopen(library, { mkfifo: { args: ["ptr", "u32"], returns: "i32" } }).symbols;
      return (path, mode) => mkfifo(ptr(Buffer.from(`${path}\0`)), mode) === 0;
    } catch {
      // Another C library, then; without any, whoever asks has another way.
    }
  }
  return undefined;
}
