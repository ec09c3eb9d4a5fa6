import { dlopen, ptr } from "bun:ffi";
import { GlueError } from "../spec/glue-error.ts";

/** What of a terminal is switched off while a command has one of its own. */
export interface RawParts {
  /** Keys are passed on as they are pressed, without echo, Ctrl-C too. Implies `output`. */
  readonly input: boolean;
  /** A line end is not turned into CR LF: the command's own terminal has done that already. */
  readonly output: boolean;
}

const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  linux: ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`],
  darwin: ["libSystem.B.dylib"],
};
/** Larger than any `struct termios`. */
const TERMIOS_BYTES = 256;
/** `c_oflag` follows `c_iflag`: 4 bytes on Linux, an unsigned long on macOS. */
const OUTPUT_FLAGS_AT = process.platform === "darwin" ? 8 : 4;
const OPOST = 1;
const TCSADRAIN = 1;

/**
 * Changes the terminal at `fd` as termios(3) describes and returns what puts it back. Bun's own `setRawMode` leaves the processing of
 * output on, so that every line of a command's terminal would get a second CR. `notSupported` where there is no termios.
 */
export function setRaw(fd: number, parts: RawParts): () => void {
  const libc = loadTermios();
  const before = new Uint8Array(TERMIOS_BYTES);
  if (libc.tcgetattr(fd, ptr(before)) !== 0) throw notSupported();
  const raw = before.slice();
  if (parts.input) libc.cfmakeraw(ptr(raw));
  else {
    const view = new DataView(raw.buffer);
    view.setUint32(OUTPUT_FLAGS_AT, view.getUint32(OUTPUT_FLAGS_AT, true) & ~OPOST, true);
  }
  const set = (settings: Uint8Array) => libc.tcsetattr(fd, TCSADRAIN, ptr(settings)) === 0;
  if (!set(raw)) throw notSupported();
  // A terminal that has gone needs nothing put back.
  return () => void set(before);
}

function loadTermios() {
  for (const library of LIBRARIES[process.platform] ?? []) {
    try {
      return dlopen(library, {
        tcgetattr: { args: ["i32", "ptr"], returns: "i32" },
        tcsetattr: { args: ["i32", "i32", "ptr"], returns: "i32" },
        cfmakeraw: { args: ["ptr"], returns: "void" },
      }).symbols;
    } catch {
      // Another C library, then; where there is none that is known, the error below says so.
    }
  }
  throw notSupported();
}

function notSupported(): GlueError {
  return new GlueError("notSupported", "This terminal cannot be handed to a command.", { hint: "Leave out -t." });
}
