/** From this machine into a sandbox. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { posix } from "node:path";
import { fileError, showPath } from "../runtimes/common/file-errors.ts";
import { systemError } from "../runtimes/common/system-error.ts";
import type { ByteStream } from "../runtimes/contract.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { ARCHIVE_END, archiveHeader, archivePadding } from "./archive.ts";
import { Gatherer, streamOf } from "./byte-stream.ts";
import { concat } from "./bytes.ts";
import {
  type CopyOptions,
  type CopyReport,
  type CopyTarget,
  compareHashes,
  lastLine,
  observed,
  outcomeOf,
  sandboxHashes,
} from "./copy.ts";
import { type Walked, type WalkedEntry, walk } from "./copy-walk.ts";

/**
 * Copies a file, folder or symbolic link (`from`, absolute, on this machine) to exactly `to` (absolute, in the sandbox). Modes and links
 * are kept, owners and times are not. A file is replaced as a whole or not at all; a folder is merged into one that is there. Every
 * file's bytes are compared afterwards. Errors of the ports, and `transferFailed` where something differs.
 */
export async function copyTreeIn(
  target: CopyTarget,
  from: string,
  to: string,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const walked = await walk(from);
  const [top] = walked.entries;
  if (top === undefined) {
    throw new GlueError("ioFailed", `${from} is neither a file, nor a folder, nor a symbolic link.`);
  }
  return top.kind === "file" ? await copyFile(target, top, to, options) : await copyTree(target, walked, to, options);
}

async function copyFile(target: CopyTarget, file: WalkedEntry, to: string, options: CopyOptions): Promise<CopyReport> {
  const { stream, hash } = observed(contentOf(file), `copying ${posix.basename(to)}`, file.size, options);
  await target.workspace.upload(to, stream, { size: file.size, mode: file.mode & 0o777 });
  const name = new TextEncoder().encode(posix.basename(to));
  const there = await sandboxHashes(target, posix.dirname(to), [name], options);
  const verified = compareHashes([name], [hash.digest("hex")], there);
  return { files: 1, folders: 0, links: 0, bytes: file.size, verified, skipped: [] };
}

/** Parents get the usual mode, and everything else the mode that it is to have. */
const UNPACK = `
umask 022
export LC_ALL=C
if [ -e "$1" ] && [ ! -d "$1" ]; then echo 'Not a directory' >&2; exit 20; fi
mkdir -p -- "$1" && cd -- "$1" || exit 21
umask 000
EXTRACT_UNSAFE_SYMLINKS=1 tar -x -o -m -f -`;

async function copyTree(target: CopyTarget, walked: Walked, to: string, options: CopyOptions): Promise<CopyReport> {
  const { entries, skipped } = walked;
  const files = entries.filter(({ kind }) => kind === "file");
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const hashes = new Map<WalkedEntry, string>();
  const { signal } = options;
  const name = new TextEncoder().encode(posix.basename(to));
  const archive = streamOf(archiveOf(entries, name, total, hashes, options));
  let failure: unknown;
  const running = await target.executor.run(
    { argv: ["sh", "-c", UNPACK, "glue", posix.dirname(to)] },
    {
      cwd: "/",
      stdin: watched(archive, (error) => {
        failure = error;
      }),
      ...(signal === undefined ? {} : { signal }),
    },
  );
  // When a file cannot be read, that is what went wrong, and not what tar makes of the rest.
  const { code, stderr } = await outcomeOf(running).catch((error: unknown) => {
    throw failure ?? error;
  });
  if (failure !== undefined) throw failure;
  if (code !== 0) throw unpackFailed(code, stderr, to);
  const names = files.map(({ path }) => (path.length === 0 ? name : concat([name, SLASH, path])));
  const there = await sandboxHashes(target, posix.dirname(to), names, options);
  const verified = compareHashes(
    names,
    files.map((file) => hashes.get(file) ?? ""),
    there,
  );
  const count = (kind: WalkedEntry["kind"]) => entries.filter((entry) => entry.kind === kind).length;
  return { files: files.length, folders: count("folder"), links: count("symlink"), bytes: total, verified, skipped };
}

const SLASH = new TextEncoder().encode("/");

function unpackFailed(code: number, stderr: string, to: string): GlueError {
  return fileError("copy to", Buffer.from(to), stderr.trim() || `tar ended with ${code}`);
}

async function* archiveOf(
  entries: readonly WalkedEntry[],
  name: Uint8Array,
  total: number,
  hashes: Map<WalkedEntry, string>,
  { progress, signal }: CopyOptions,
): AsyncGenerator<Uint8Array> {
  const out = new Gatherer();
  let done = 0;
  for (const entry of entries) {
    if (signal?.aborted) throw new GlueError("cancelled", "Copying was interrupted.");
    const path = entry.path.length === 0 ? name : concat([name, SLASH, entry.path]);
    // What the sandbox makes of a set-user-ID bit is its own; files go as files.
    yield* out.add(archiveHeader({ path, kind: entry.kind, size: entry.size, mode: entry.mode & 0o777 }, entry.target));
    if (entry.kind !== "file") continue;
    const hash = new Bun.CryptoHasher("sha256");
    for await (const chunk of contentOf(entry)) {
      hash.update(chunk);
      done += chunk.length;
      progress?.({ what: `copying ${showPath(name)}`, done, total, unit: "bytes" });
      yield* out.add(chunk);
    }
    hashes.set(entry, hash.digest("hex"));
    yield* out.add(archivePadding(entry.size));
  }
  yield* out.add(ARCHIVE_END);
  yield* out.flush();
}

/** The bytes of a file, exactly as many as it had when it was looked at: `transferFailed` where they have become fewer or more. */
function contentOf(entry: WalkedEntry): ByteStream {
  return streamOf(readAll(entry));
}

async function* readAll({ at, size }: WalkedEntry): AsyncGenerator<Uint8Array> {
  const file = await open(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(failed(at));
  try {
    for (let done = 0; ; ) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE), 0, PIECE).catch(failed(at));
      done += bytesRead;
      if (done > size || (bytesRead === 0 && done !== size)) {
        throw new GlueError("transferFailed", `${showPath(at)} changed while it was copied.`, { retryable: true });
      }
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function failed(at: Buffer): (error: unknown) => never {
  return (error) => {
    throw systemError("read", at, error);
  };
}

const PIECE = 1 << 18;

/** The stream, telling why it failed before its reader sees that it did. */
function watched(stream: ByteStream, failed: (error: unknown) => void): ByteStream {
  return streamOf(
    (async function* () {
      try {
        for await (const chunk of stream) yield chunk;
      } catch (error) {
        failed(error);
        throw error;
      }
    })(),
  );
}

const STORE = `
umask 022
export LC_ALL=C
mkdir -p -- "\${1%/*}/" || exit 21
if [ -d "$1" ]; then echo 'Is a directory' >&2; exit 22; fi
cat >"$2" || exit 1
echo "size $(($(wc -c <"$2")))"
if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$2"; else echo none; fi`;

/**
 * Stores a stream whose length is not known as exactly the file `to` (absolute, in the sandbox): whole, or not at all. A file that is there
 * keeps its mode.
 */
export async function storeStream(
  target: CopyTarget,
  bytes: ByteStream,
  to: string,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const fresh = `${posix.dirname(to)}/.glue-cp-${crypto.randomUUID().slice(0, 13)}`;
  try {
    return await store(target, bytes, { to, fresh }, options);
  } catch (error) {
    // Not by the script, which may be ended while it does.
    await target.workspace.remove(fresh).catch((second: unknown) => {
      // What failed first is what counts; a part of a copy is left where this fails too.
      if (!isGlueError(second)) throw second;
    });
    throw error;
  }
}

async function store(
  target: CopyTarget,
  bytes: ByteStream,
  { to, fresh }: { to: string; fresh: string },
  options: CopyOptions,
): Promise<CopyReport> {
  const { stream, hash, size } = observed(bytes, `copying to ${posix.basename(to)}`, undefined, options);
  const { signal } = options;
  const running = await target.executor.run(
    { argv: ["sh", "-c", STORE, "glue", to, fresh] },
    { cwd: "/", stdin: stream, ...(signal === undefined ? {} : { signal }) },
  );
  const { code, stdout, stderr } = await outcomeOf(running);
  if (code !== 0) throw fileError("write", Buffer.from(to), stderr.trim() || `the shell ended with ${code}`);
  const arrived = Number(/^size (\d+)$/m.exec(stdout)?.[1]);
  const there = /^([0-9a-f]{64}) /m.exec(stdout)?.[1];
  if (arrived !== size() || (there !== undefined && there !== hash.digest("hex"))) {
    throw new GlueError("transferFailed", `${to} did not arrive whole (${arrived} of ${size()} bytes).`);
  }
  const before = await target.workspace.stat(to);
  await settle(target, fresh, to, before?.type === "file" ? before.mode : undefined);
  const verified = there === undefined ? "size" : "sha256";
  return { files: 1, folders: 0, links: 0, bytes: size(), verified, skipped: [] };
}

async function settle(target: CopyTarget, fresh: string, to: string, mode: number | undefined): Promise<void> {
  if (mode !== undefined) {
    const argv = ["chmod", mode.toString(8), fresh] as const;
    const { code, stderr } = await outcomeOf(await target.executor.run({ argv: [...argv] }, { cwd: "/" }));
    if (code !== 0) throw new GlueError("ioFailed", `Cannot write ${to}: ${lastLine(stderr)}`);
  }
  await target.workspace.move(fresh, to);
}
