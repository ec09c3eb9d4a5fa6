import { GlueError } from "../spec/glue-error.ts";

/** flock(2): 0, or the errno that it failed with. */
export type Flock = (fd: number, operation: number) => number;

const DARWIN = process.platform === "darwin";

/** The errnos of a file system or system that keeps no locks: EINVAL, ENOLCK, ENOSYS, EOPNOTSUPP, ENOTSUP. */
export const NO_LOCKS: ReadonlySet<number> = new Set(DARWIN ? [22, 77, 78, 102, 45] : [22, 37, 38, 95]);

/** Where the C library is, by platform; the first that loads is taken (glibc, then musl). */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  linux: ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`],
  darwin: ["libSystem.B.dylib"],
};

let loaded: Flock | undefined;

/** The system's flock(2), for which Bun has no call of its own. Loaded when first needed: it costs 0.2 ms. */
export async function loadFlock(): Promise<Flock> {
  loaded ??= await load();
  return loaded;
}

async function load(): Promise<Flock> {
  const { dlopen, read } = await import("bun:ffi");
  let cause: unknown;
  for (const library of LIBRARIES[process.platform] ?? []) {
    try {
      const { flock } = dlopen(library, { flock: { args: ["i32", "i32"], returns: "i32" } }).symbols;
      const errnoName = DARWIN ? "__error" : "__errno_location";
      const errno = dlopen(library, { [errnoName]: { args: [], returns: "ptr" } }).symbols[errnoName];
      return (fd, operation) => {
        if (flock(fd, operation) === 0) return 0;
        const address = errno?.();
        return address ? read.i32(address) : -1;
      };
    } catch (error) {
      cause = error;
    }
  }
  throw new GlueError("notSupported", `glue cannot lock files on ${process.platform}: there is no flock.`, {
    hint: "Use glue on Linux or macOS.",
    cause,
  });
}
