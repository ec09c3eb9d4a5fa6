import { type ByteStream, GlueError } from "../contract.ts";
import { digest } from "./answer.ts";
import type { SpriteCli } from "./cli.ts";
import type { Place } from "./place.ts";
import { runTool, type ToolAnswer } from "./tool.ts";

/** Carried by one call; a call that fails costs no more than this. */
export const UPLOAD_BYTES = 16 * 1024 * 1024;
/** How often a piece that arrives damaged is sent. */
const TRIES = 4;
/** What pieces.sh says of bytes that arrived damaged. */
const NOT_WHOLE = /not whole/;

/** Writes a small file that only its user reads, proven by its SHA-256. */
export async function putFile(cli: SpriteCli, place: Place, file: string, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at === 0 || at < bytes.length; at += UPLOAD_BYTES) {
    await putPiece(cli, place, file, at, bytes.subarray(at, at + UPLOAD_BYTES));
  }
}

/**
 * Appends one piece to a file that grows, proven by its SHA-256. It may be sent again: what arrived is not appended twice.
 * Throws `transferFailed` where it does not arrive whole.
 */
export async function putPiece(
  cli: SpriteCli,
  place: Place,
  file: string,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  const sha256 = digest(bytes);
  for (let tries = 1; ; tries++) {
    const argv = [
      "sh",
      `${place.tools}/pieces.sh`,
      "put",
      file,
      String(offset),
      String(bytes.length),
      sha256,
      crypto.randomUUID(),
    ];
    const { code, stderr } = await runTool(cli, place, argv, { stdin: bytes });
    if (code === 0) return;
    if (!NOT_WHOLE.test(stderr) || tries >= TRIES) throw notArrived(place, bytes.length, stderr);
  }
}

function notArrived({ name }: Place, bytes: number, said: string): GlueError {
  const code = /No space left/.test(said) ? "ioFailed" : "transferFailed";
  return new GlueError(code, `${bytes} bytes could not be brought into the sprite ${name}: ${said.trim()}`, {
    retryable: code === "transferFailed",
  });
}

/** Behind `once` in pieces.sh: words of files.sh, and an id by which a second try is told. */
export function onceWords({ tools, spool }: Place, words: readonly string[]): string[] {
  return [tools, `${spool}/receipts`, crypto.randomUUID(), ...words];
}

/** Sends all of a file's bytes, proven by their SHA-256, and does with them once what `once` says. `incoming` is a name that is nobody's. */
export async function putWhole(
  cli: SpriteCli,
  place: Place,
  incoming: string,
  bytes: Uint8Array,
  once: readonly string[],
): Promise<ToolAnswer> {
  const argv = ["env", "LC_ALL=C", "sh", `${place.tools}/pieces.sh`, "whole", incoming, digest(bytes), ...once];
  for (let tries = 1; ; tries++) {
    const answer = await runTool(cli, place, argv, { stdin: bytes, once: true });
    if (answer.code === 0 || !NOT_WHOLE.test(answer.stderr)) return answer;
    if (tries >= TRIES) throw notArrived(place, bytes.length, answer.stderr);
  }
}

/** The same bytes in pieces of exactly `size`, the last one shorter. */
export async function* cut(stream: ByteStream, size: number): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let filled = 0;
  for await (const chunk of stream) {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + size - filled);
      parts.push(part);
      filled += part.length;
      from += part.length;
      if (filled < size) continue;
      yield Buffer.concat(parts);
      parts = [];
      filled = 0;
    }
  }
  if (filled > 0) yield Buffer.concat(parts);
}
