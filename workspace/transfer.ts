/** Getting many bytes into a sandbox: whole, or in verified pieces that a second try need not send again. */
import type { ByteStream, Progress } from "../runtimes/contract.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { runScript, type StageTarget, stageFailed } from "./stage-script.ts";

/** Bytes of a known length that can be read more than once. */
export interface Source {
  readonly size: number;
  open(): ByteStream;
}

export interface TransferOptions {
  /** What is sent, for people. */
  readonly what: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** A file of the host as a source. `size` in bytes. */
export function fileSource(path: string, size: number): Source {
  return { size, open: () => Bun.file(path).stream() };
}

/** Sends everything in one upload. Returns the bytes sent. */
export async function sendWhole(
  target: StageTarget,
  source: Source,
  path: string,
  options: TransferOptions,
): Promise<number> {
  const counted = source.open().pipeThrough(counter(source.size, options));
  await target.workspace.upload(path, counted, { size: source.size, mode: 0o600 });
  return source.size;
}

function counter(total: number, { what, progress, signal }: TransferOptions): TransformStream<Uint8Array, Uint8Array> {
  let done = 0;
  return new TransformStream({
    transform(chunk, controller) {
      if (signal?.aborted) throw new GlueError("cancelled", "The transfer was interrupted.", { cause: signal.reason });
      done += chunk.length;
      progress?.({ what, done, total, unit: "bytes" });
      controller.enqueue(chunk);
    },
  });
}

/** How often one piece is sent before the transfer is given up. */
const TRIES = 3;

/**
 * Sends in pieces of the size that the workspace likes, each proven by its SHA-256 in the sandbox, then joins them at `path`.
 * Pieces of an earlier, broken try that are whole are used again. Returns the bytes sent now.
 * @throws GlueError `transferFailed` where a piece does not arrive whole, and what the ports throw.
 */
export async function sendInPieces(
  target: StageTarget,
  source: Source,
  path: string,
  options: TransferOptions & { readonly sha256sum: boolean },
): Promise<number> {
  const { whole, pieces } = await hashPieces(source, target.workspace.pieceBytes);
  const folder = `${target.paths.private}/incoming/${whole}`;
  const present = options.sha256sum ? await presentPieces(target, folder, options.signal) : new Map<string, string>();
  let sent = 0;
  let at = 0;
  let done = 0;
  for await (const piece of cut(source.open(), target.workspace.pieceBytes)) {
    if (options.signal?.aborted) throw new GlueError("cancelled", "The transfer was interrupted.");
    const name = pieceName(at);
    const hash = pieces[at++];
    if (hash === undefined || hash !== sha256(piece)) throw changed(source);
    if (present.get(name) !== hash) {
      await sendPiece(target, `${folder}/${name}`, piece, hash, options.sha256sum);
      sent += piece.length;
    }
    done += piece.length;
    options.progress?.({ what: options.what, done, total: source.size, unit: "bytes" });
  }
  if (at !== pieces.length) throw changed(source);
  await join(target, { folder, path, size: source.size, whole, pieces, ...options });
  return sent;
}

function changed(source: Source): GlueError {
  return new GlueError("transferFailed", `What is sent changed while it was read (${source.size} bytes).`);
}

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** Names that a shell lists in the right order. */
function pieceName(number: number): string {
  return String(number).padStart(8, "0");
}

async function hashPieces(source: Source, pieceBytes: number): Promise<{ whole: string; pieces: string[] }> {
  const whole = new Bun.CryptoHasher("sha256");
  const pieces: string[] = [];
  for await (const piece of cut(source.open(), pieceBytes)) {
    whole.update(piece);
    pieces.push(sha256(piece));
  }
  return { whole: whole.digest("hex"), pieces };
}

/** The same bytes in pieces of exactly `size`, the last one shorter. */
async function* cut(stream: ByteStream, size: number): AsyncGenerator<Uint8Array> {
  let piece = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of stream) {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + size - filled);
      piece.set(part, filled);
      filled += part.length;
      from += part.length;
      if (filled === size) {
        yield piece;
        // Whoever got the last one may still hold it.
        piece = new Uint8Array(size);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

const LIST = `
cd "$GLUE_FOLDER" 2>/dev/null || exit 0
for name in [0-9]*; do if [ -f "$name" ]; then sha256sum "$name"; fi; done`;

async function presentPieces(target: StageTarget, folder: string, signal?: AbortSignal): Promise<Map<string, string>> {
  const { stdout } = await runScript(target, LIST, {
    cwd: "/",
    env: { GLUE_FOLDER: folder },
    ...(signal === undefined ? {} : { signal }),
  });
  return new Map(
    stdout.split("\n").flatMap((line) => {
      const [, hash, name] = /^([0-9a-f]{64}) [ *](\d+)$/.exec(line) ?? [];
      return hash === undefined || name === undefined ? [] : [[name, hash] as const];
    }),
  );
}

async function sendPiece(
  target: StageTarget,
  path: string,
  piece: Uint8Array,
  hash: string,
  provenLater: boolean,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await target.workspace.write(path, piece, { mode: 0o600 });
      // With sha256sum inside, all pieces are proven at once when they are joined.
      if (provenLater || sha256(await target.workspace.read(path)) === hash) return;
      if (attempt >= TRIES)
        throw new GlueError("transferFailed", `A piece of ${piece.length} bytes did not arrive whole.`);
    } catch (error) {
      if (attempt >= TRIES || !isGlueError(error) || !error.retryable) throw error;
    }
  }
}

const JOIN = `
set -e
mkdir -p "\${GLUE_PATH%/*}"
: >"$GLUE_PATH.part"
for name in "$GLUE_FOLDER"/[0-9]*; do cat "$name" >>"$GLUE_PATH.part"; done
if [ "$GLUE_PROVE" = 1 ]; then
  [ "$(sha256sum <"$GLUE_PATH.part")" = "$GLUE_WHOLE  -" ] || { rm -f "$GLUE_PATH.part"; echo differs; exit 0; }
fi
mv -f "$GLUE_PATH.part" "$GLUE_PATH"
rm -rf "$GLUE_FOLDER"
echo joined`;

interface Joining extends TransferOptions {
  readonly folder: string;
  readonly path: string;
  readonly size: number;
  readonly whole: string;
  readonly pieces: readonly string[];
  readonly sha256sum: boolean;
}

async function join(target: StageTarget, joining: Joining): Promise<void> {
  const { stdout, stderr, result } = await runScript(target, JOIN, {
    cwd: "/",
    env: {
      GLUE_FOLDER: joining.folder,
      GLUE_PATH: joining.path,
      GLUE_PROVE: joining.sha256sum ? "1" : "0",
      GLUE_WHOLE: joining.whole,
    },
    ...(joining.signal === undefined ? {} : { signal: joining.signal }),
  });
  if (stdout.includes("differs")) {
    await dropBadPieces(target, joining);
    throw new GlueError(
      "transferFailed",
      `${joining.what}: what arrived differs from what was sent (${joining.size} bytes).`,
      {
        hint: "Try again; the pieces that arrived whole are not sent again.",
        retryable: true,
      },
    );
  }
  if (!stdout.includes("joined")) throw stageFailed("The pieces could not be joined", result, stderr);
}

/** Only what is not as it was sent is sent again by the next try, and pieces that nobody sent go too. */
async function dropBadPieces(target: StageTarget, joining: Joining): Promise<void> {
  for (const [name, hash] of await presentPieces(target, joining.folder, joining.signal)) {
    if (joining.pieces[Number(name)] !== hash) await target.workspace.remove(`${joining.folder}/${name}`);
  }
}
