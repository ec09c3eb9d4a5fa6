import type { FFIFunction } from "bun:ffi";

/** glibc's name, then musl's. */
const LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

/** Functions of the C library, for what neither Bun nor node has; undefined where there is none to be had, or no Linux. It costs 0.2 ms. */
export async function openLibc<Functions extends Record<string, FFIFunction>>(functions: Functions) {
  if (process.platform !== "linux") return undefined;
  const { dlopen } = await import("bun:ffi");
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, functions).symbols;
    } catch {
      // Another C library, then; without any, whoever asks has another way.
    }
  }
  return undefined;
}
