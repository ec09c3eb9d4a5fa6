/** Copying between this machine and a sandbox, over the ports: what both ways share. */

import { showPath } from "../runtimes/common/file-errors.ts";
import type { ByteStream, Progress, RunningCommand, RuntimeSession } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { concat } from "./bytes.ts";

/** What copying needs of a sandbox. */
export type CopyTarget = Pick<RuntimeSession, "executor" | "workspace" | "paths">;

export interface CopyOptions {
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was copied. */
export interface CopyReport {
  readonly files: number;
  readonly folders: number;
  readonly links: number;
  readonly bytes: number;
  /** `sha256`: the bytes of every file there are those of the file here. `size`: the sandbox has no sha256sum, so sizes are all that was compared. */
  readonly verified: "sha256" | "size";
  /** Paths of what is no file, folder or symbolic link (sockets, devices, pipes): it is left out. */
  readonly skipped: readonly string[];
}

/** The reports of several copies as one. */
export function sumOf(reports: readonly CopyReport[]): CopyReport {
  const add = (key: "files" | "folders" | "links" | "bytes") => reports.reduce((sum, report) => sum + report[key], 0);
  return {
    files: add("files"),
    folders: add("folders"),
    links: add("links"),
    bytes: add("bytes"),
    verified: reports.every(({ verified }) => verified === "sha256") ? "sha256" : "size",
    skipped: reports.flatMap(({ skipped }) => skipped),
  };
}

const HASH = `
export LC_ALL=C
command -v sha256sum >/dev/null 2>&1 || { echo none; exit 0; }
cd -- "$1" && xargs -0 sha256sum --`;

/**
 * The SHA-256 of files in the sandbox, in hex and in the order of `names` (relative to `folder`); undefined where it has no sha256sum.
 * `transferFailed` where a file cannot be read or is gone.
 */
export async function sandboxHashes(
  target: CopyTarget,
  folder: string,
  names: readonly Uint8Array[],
  { signal }: CopyOptions = {},
): Promise<string[] | undefined> {
  if (names.length === 0) return [];
  const stdin = concat(names.flatMap((name) => [DOT_SLASH, name, NUL]));
  const running = await target.executor.run(
    { argv: ["sh", "-c", HASH, "glue", folder] },
    { cwd: "/", stdin, ...(signal === undefined ? {} : { signal }) },
  );
  const { code, stdout, stderr } = await outcomeOf(running);
  if (stdout === "none\n") return undefined;
  // A name with a newline or a backslash in it is marked by a backslash in front.
  const hashes = stdout.split("\n").flatMap((line) => /^\\?([0-9a-f]{64}) [ *]/.exec(line)?.[1] ?? []);
  if (code === 0 && hashes.length === names.length) return hashes;
  throw new GlueError("transferFailed", `What was copied cannot be compared: ${lastLine(stderr) || "no answer"}`, {
    hint: "Something removed it, or changed it, while it was copied. Copy it again.",
    retryable: true,
  });
}

const DOT_SLASH = new TextEncoder().encode("./");
const NUL = new Uint8Array(1);

/** `transferFailed` with the first name of a file whose bytes here and there differ. */
export function compareHashes(
  names: readonly Uint8Array[],
  here: readonly string[],
  there: readonly string[] | undefined,
): CopyReport["verified"] {
  if (there === undefined) return "size";
  const differ = names.filter((_, i) => here[i] !== there[i]);
  const [first] = differ;
  if (first === undefined) return "sha256";
  const more = differ.length === 1 ? "" : ` and ${differ.length - 1} more`;
  throw new GlueError("transferFailed", `${showPath(first)}${more} here and there differ.`, {
    hint: "It was written while it was copied, or did not arrive whole. Copy it again.",
    retryable: true,
  });
}

/** Everything a script of ours said, and its status. `cancelled` after an abort. */
export async function outcomeOf(running: RunningCommand): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr, result] = await Promise.all([
    new Response(running.stdout).text(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  if (result.outcome === "cancelled") throw new GlueError("cancelled", "Copying was interrupted.");
  return { code: result.exitCode, stdout, stderr };
}

export function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)?.trim() ?? "";
}

/** The stream, with its bytes counted, hashed and reported as they pass. */
export function observed(
  stream: ByteStream,
  what: string,
  total: number | undefined,
  { progress, signal }: CopyOptions,
): { stream: ByteStream; hash: Bun.CryptoHasher; size: () => number } {
  const hash = new Bun.CryptoHasher("sha256");
  let done = 0;
  const through = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      if (signal?.aborted) throw new GlueError("cancelled", "Copying was interrupted.");
      hash.update(chunk);
      done += chunk.length;
      progress?.({ what, done, unit: "bytes", ...(total === undefined ? {} : { total }) });
      controller.enqueue(chunk);
    },
  });
  return { stream: stream.pipeThrough(through), hash, size: () => done };
}
