import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../build/compile.ts";

/** The files that glue carries inside itself, relative to the checkout. */
export function assets(): string[] {
  return [...new Bun.Glob("{runtimes/**/*.sh,sidecar/**/*.py}").scanSync(ROOT)].sort();
}

/**
 * Whether a binary carries an asset: all of its longer lines that survive being written as a JavaScript string are in it. (A text
 * import becomes a string literal, so the file is not there as one piece.)
 */
export function holdsAsset(binary: Buffer, asset: string): boolean {
  const lines = readFileSync(join(ROOT, asset), "utf8")
    .split("\n")
    .filter((line) => line.length >= 20 && /^[\x20-\x7e]+$/.test(line) && !/["'`\\$]/.test(line));
  if (lines.length === 0) throw new Error(`${asset} has no line to look for`);
  return lines.every((line) => binary.includes(line));
}
