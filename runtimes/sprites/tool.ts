import { GlueError } from "../contract.ts";
import { type SpriteCli, tail } from "./cli.ts";
import { cliError, failureOf } from "./cli-errors.ts";
import { firstMark } from "./marks-in.ts";
import type { Place } from "./place.ts";

/** What a tool answered, proven: its size and SHA-256 are those that the sprite measured. */
export interface ToolAnswer {
  readonly code: number;
  readonly stdout: Buffer;
  /** At most 4 KiB. */
  readonly stderr: string;
}

/** An answer whose length nothing bounds: it lies in a file of the sprite, and is fetched in pieces. */
export interface LongAnswer {
  readonly code: number;
  readonly stderr: string;
  readonly size: number;
  readonly sha256: string;
  /** The beginning; all of it where `file` is undefined. */
  readonly head: Buffer;
  readonly file: string | undefined;
}

export interface ToolCall {
  readonly stdin?: Uint8Array;
  /** Whether it may be run again after a connection was lost in the middle. Default true. */
  readonly repeatable?: boolean;
  readonly deadlineMs?: number;
}

/** Sent in one answer: well under the 512 KB from which on output has been seen to be lost (superfly/sprites-docs#202). */
export const PIECE_BYTES = 256 * 1024;
/** Tries of a call whose connection is lost or whose answer is damaged. */
const TRIES = 4;
/** How long a sprite that cannot be connected to is waited for: it may be waking up. */
const CONNECT_MS = 90_000;

/**
 * Runs a tool in the sprite and returns its whole answer, however long. A connection that cannot be made is tried again for a while, a lost or
 * damaged answer a few times. Throws `runtimeUnreachable`, `sandboxGone`, `authFailed`, `transferFailed`.
 */
export async function runTool(
  cli: SpriteCli,
  place: Place,
  argv: readonly string[],
  call: ToolCall = {},
): Promise<ToolAnswer> {
  const answer = await startAnswer(cli, place, argv, call);
  if (answer.file === undefined) return { code: answer.code, stdout: answer.head, stderr: answer.stderr };
  const parts: Uint8Array[] = [];
  for await (const part of fetchAnswer(cli, place, answer)) parts.push(part);
  return { code: answer.code, stdout: Buffer.concat(parts), stderr: answer.stderr };
}

/** As `runTool`, but of a long answer only the beginning. */
export async function startAnswer(
  cli: SpriteCli,
  place: Place,
  argv: readonly string[],
  call: ToolCall = {},
): Promise<LongAnswer> {
  const connectUntil = performance.now() + CONNECT_MS;
  let wait = 200;
  for (let tries = 1; ; ) {
    const token = crypto.randomUUID();
    const file = `${place.spool}/tool-${token}`;
    const words = ["sh", `${place.tools}/tool.sh`, token, file, String(PIECE_BYTES), ...argv];
    const { stdin, deadlineMs = 120_000, repeatable = true } = call;
    const { code, stdout, stderr } = await cli.exec(place.name, words, {
      deadlineMs,
      ...(stdin === undefined ? {} : { stdin }),
    });
    const answer = parseAnswer(stdout, token, file);
    if (answer !== undefined) return answer;
    const failure = failureOf(stderr);
    const again =
      failure === "notStarted"
        ? performance.now() < connectUntil
        : (failure === "lost" || failure === "unknown") && repeatable && ++tries <= TRIES;
    if (!again) throw toolError(place, code, stderr, failure === "lost" || failure === "unknown");
    await Bun.sleep(wait);
    wait = Math.min(wait * 2, 3_000);
  }
}

function toolError(place: Place, code: number, stderr: string, answerless: boolean): GlueError {
  if (answerless) {
    return new GlueError(
      "runtimeUnreachable",
      `The sprite ${place.name} did not answer whole (the sprite CLI ended with ${code}).`,
      {
        hint: "Try again.",
        retryable: true,
        cause: stderr,
      },
    );
  }
  return cliError(`The sprite ${place.name} cannot be reached`, stderr);
}

/** Undefined where the answer is not whole, or not what the sprite measured. */
function parseAnswer(stdout: Buffer, token: string, file: string): LongAnswer | undefined {
  const mark = firstMark(stdout, token);
  const [, code, size, sha256 = "", said] = /^head (\d+) (\d+) ([0-9a-f]{64}) (\d+)$/.exec(mark?.words ?? "") ?? [];
  if (mark === undefined || said === undefined) return undefined;
  const stderr = mark.rest.subarray(0, Number(said)).toString();
  const expected = Math.min(Number(size), PIECE_BYTES);
  const head = mark.rest.subarray(Number(said), Number(said) + expected);
  if (head.length !== expected) return undefined;
  const long = Number(size) > expected;
  if (!long && digest(head) !== sha256) return undefined;
  return { code: Number(code), stderr, size: Number(size), sha256, head, file: long ? file : undefined };
}

/** The whole of a long answer: every piece proven by itself, and all of them together at the end. Its file is removed then. */
export async function* fetchAnswer(cli: SpriteCli, place: Place, answer: LongAnswer): AsyncGenerator<Uint8Array> {
  const { file, size, sha256 } = answer;
  if (file === undefined) {
    if (answer.head.length > 0) yield answer.head;
    return;
  }
  const hasher = new Bun.CryptoHasher("sha256");
  try {
    for await (const piece of fetchRange(cli, place, file, 0, size)) {
      hasher.update(piece);
      yield piece;
    }
    if (hasher.digest("hex") !== sha256) throw damaged(place);
  } finally {
    // Small and ours; what cannot be removed now goes with the sprite.
    await runTool(cli, place, ["rm", "-f", "--", file]).catch(() => undefined);
  }
}

/** Pieces that are on their way at a time. */
const AHEAD = 3;
/** Proven as one where a stream carries several. */
const SEGMENT_MIB = 1;
const SEGMENT_BYTES = SEGMENT_MIB * 1024 * 1024;
/** Carried by one stream. */
const WINDOW_BYTES = 64 * SEGMENT_BYTES;

/**
 * A part of a file in the sprite that does not change; every byte is proven before it is handed out. A long part comes as a stream of segments, as
 * long as nothing of it is lost; the rest in pieces so small that none of them has been seen to lose anything.
 */
export async function* fetchRange(
  cli: SpriteCli,
  place: Place,
  file: string,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  let at = from;
  // Windows begin where segments do.
  const aligned = Math.min(to, Math.ceil(from / SEGMENT_BYTES) * SEGMENT_BYTES);
  if (to - aligned > SEGMENT_BYTES) {
    yield* fetchPieces(cli, place, file, at, aligned);
    at = aligned;
    for (let whole = true; whole && at < to; ) {
      const end = Math.min(to, at + WINDOW_BYTES);
      for await (const segment of fetchWindow(cli, place, file, at, end)) {
        yield segment;
        at += segment.length;
      }
      whole = at === end;
    }
  }
  yield* fetchPieces(cli, place, file, at, to);
}

/** The segments of a window, until one does not come as the sprite says that it is. */
async function* fetchWindow(
  cli: SpriteCli,
  place: Place,
  file: string,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const token = crypto.randomUUID();
  const words = [
    "sh",
    `${place.tools}/segments.sh`,
    token,
    file,
    String(from / SEGMENT_BYTES),
    String(to - from),
    String(SEGMENT_MIB),
  ];
  const child = cli.start(cli.execWords(place.name, words));
  const stderr = tail(child.stderr);
  try {
    await child.stdin.end();
    let waiting: Buffer = Buffer.alloc(0);
    let hashes: string[] | undefined;
    let left = to - from;
    for await (const chunk of child.stdout) {
      waiting = Buffer.concat([waiting, chunk]);
      if (hashes === undefined) {
        const mark = firstMark(waiting, token);
        if (mark === undefined) continue;
        hashes = mark.words.split(" ").slice(1);
        waiting = mark.rest;
      }
      for (
        let size = Math.min(left, SEGMENT_BYTES);
        size > 0 && waiting.length >= size;
        size = Math.min(left, SEGMENT_BYTES)
      ) {
        const segment = waiting.subarray(0, size);
        if (digest(segment) !== hashes.shift()) return;
        yield segment;
        waiting = waiting.subarray(size);
        left -= size;
      }
      if (left === 0) return;
    }
  } finally {
    child.kill("SIGKILL");
    await stderr;
  }
}

async function* fetchPieces(
  cli: SpriteCli,
  place: Place,
  file: string,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const coming: Promise<Uint8Array>[] = [];
  let next = from;
  const ask = () => {
    const length = Math.min(PIECE_BYTES - 1, to - next);
    const piece = readPiece(cli, place, file, next, length);
    // It may be given up before anybody waits for it.
    piece.catch(() => undefined);
    coming.push(piece);
    next += length;
  };
  while (next < to || coming.length > 0) {
    while (next < to && coming.length < AHEAD) ask();
    const piece = await coming.shift();
    if (piece !== undefined) yield piece;
  }
}

async function readPiece(
  cli: SpriteCli,
  place: Place,
  file: string,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const argv = ["sh", `${place.tools}/files.sh`, "range", `p${file}`, String(offset), String(length)];
  const { code, head, stderr } = await startAnswer(cli, place, argv);
  // The first byte says that the file was opened.
  if (code === 0 && head.length === length + 1) return head.subarray(1);
  throw new GlueError("transferFailed", `A piece of ${file} cannot be read in the sprite ${place.name}.`, {
    cause: stderr,
  });
}

export function digest(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

function damaged(place: Place): GlueError {
  return new GlueError("transferFailed", `What came from the sprite ${place.name} is not what is there.`, {
    hint: "Try again.",
    retryable: true,
  });
}
