import { GlueError } from "../contract.ts";
import { digest, type LongAnswer, PIECE_BYTES, startAnswer } from "./answer.ts";
import { type SpriteCli, tail } from "./cli.ts";
import { firstMark } from "./marks-in.ts";
import type { Place } from "./place.ts";

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
    await startAnswer(cli, place, ["rm", "-f", "--", file]).catch(() => undefined);
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

function damaged(place: Place): GlueError {
  return new GlueError("transferFailed", `What came from the sprite ${place.name} is not what is there.`, {
    hint: "Try again.",
    retryable: true,
  });
}
