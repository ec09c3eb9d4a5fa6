import { GlueError, type SandboxPath } from "../contract.ts";
import { showPath } from "./file-errors.ts";

/** Where the tree is in every sandbox that is not this machine itself. */
export const WORKSPACE = "/workspace";

/** Absolute, as bytes; throws `optionInvalid` for a NUL. */
export function absolutePath(path: SandboxPath): Uint8Array {
  const bytes = typeof path === "string" ? Buffer.from(path) : Buffer.from(path);
  if (bytes.includes(0)) throw new GlueError("optionInvalid", `A path cannot hold a NUL byte: ${showPath(bytes)}`);
  return bytes[0] === 0x2f ? bytes : Buffer.concat([Buffer.from(`${WORKSPACE}/`), bytes]);
}

/** For files.sh: as it is where JSON or a request line can carry it, else every byte in octal. */
export function encodePath(path: Uint8Array): string {
  try {
    return `p${new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(path)}`;
  } catch {
    // No UTF-8: the decoder has no other way to say so.
    return `b${Array.from(path, (byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("")}`;
  }
}

export function lastName(path: Uint8Array): Uint8Array {
  let end = path.length;
  while (end > 1 && path[end - 1] === 0x2f) end--;
  return path.subarray(path.lastIndexOf(0x2f, end - 1) + 1, end);
}
