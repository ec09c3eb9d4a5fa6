/** From a sandbox to this machine. What comes is not trusted: nothing of it is written outside the destination, nor through a link in it. */

import { constants, promises as fs } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { posix } from "node:path";
import { fileError, showPath } from "../runtimes/common/file-errors.ts";
import { systemError } from "../runtimes/common/system-error.ts";
import type { ByteStream, Entry } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { readTar, type TarEntry } from "./capture-tar.ts";
import {
  type CopyOptions,
  type CopyReport,
  type CopyTarget,
  compareHashes,
  lastLine,
  observed,
  sandboxHashes,
} from "./copy.ts";

/**
 * Copies a file, folder or symbolic link (`from`, absolute, in the sandbox) to exactly `to` (absolute, on this machine). Permission bits and
 * links are kept; set-user-ID bits, owners and times are not. Every file is replaced as a whole or not at all, a folder is merged into one
 * that is there. Every file's bytes are compared afterwards.
 */
export async function copyTreeOut(
  target: CopyTarget,
  from: string,
  to: string,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const entry = await target.workspace.stat(from);
  if (entry === undefined) throw new GlueError("fileNotFound", `There is no ${from} in the sandbox.`);
  if (entry.type === "other")
    throw new GlueError("ioFailed", `${from} is neither a file, nor a folder, nor a symbolic link.`);
  if (entry.type === "file") return await copyFile(target, from, to, entry, options);
  return await copyTree(target, from, to, options);
}

async function copyFile(
  target: CopyTarget,
  from: string,
  to: string,
  entry: Entry,
  options: CopyOptions,
): Promise<CopyReport> {
  const at = Buffer.from(to);
  await makeParents(at);
  const { hash, size } = await writeFile(at, entry.mode, () => fetched(target, from, entry.size, options));
  const name = new TextEncoder().encode(posix.basename(from));
  const there = await sandboxHashes(target, posix.dirname(from), [name], options);
  const verified = compareHashes([name], [hash], there);
  return { files: 1, folders: 0, links: 0, bytes: size, verified, skipped: [] };
}

async function* fetched(
  target: CopyTarget,
  from: string,
  total: number,
  options: CopyOptions,
): AsyncGenerator<Uint8Array> {
  const { stream } = observed(await target.workspace.download(from), `copying ${posix.basename(from)}`, total, options);
  yield* stream;
}

const PACK = `
export LC_ALL=C
cd -- "$1" || exit 21
exec tar -cf - "./$2"`;

async function copyTree(target: CopyTarget, from: string, to: string, options: CopyOptions): Promise<CopyReport> {
  const { signal, progress } = options;
  const name = posix.basename(from);
  const [folder, inside] = name === "" ? ["/", "."] : [posix.dirname(from), name];
  const running = await target.executor.run(
    { argv: ["sh", "-c", PACK, "glue", folder, inside] },
    { cwd: "/", ...(signal === undefined ? {} : { signal }) },
  );
  const said = new Response(running.stderr).text();
  const writer = new TreeWriter(Buffer.from(to), Buffer.from(inside), (done) =>
    progress?.({ what: `copying ${name}`, done, unit: "bytes" }),
  );
  try {
    for await (const entry of readTar(running.stdout)) await writer.add(entry);
  } catch (error) {
    await running.kill();
    throw error;
  } finally {
    await writer.finish();
  }
  const [result, stderr] = [await running.wait(), await said];
  if (result.outcome === "cancelled") throw new GlueError("cancelled", "Copying was interrupted.");
  if (result.exitCode !== 0) throw packFailed(result.exitCode, stderr, from);
  const there = await sandboxHashes(target, folder, writer.names, options);
  const verified = compareHashes(writer.names, writer.hashes, there);
  const { files, folders, links, bytes, skipped } = writer;
  return { files, folders, links, bytes, verified, skipped };
}

function packFailed(code: number, stderr: string, from: string): GlueError {
  const why = stderr.split("\n").find((line) => line.startsWith("tar:")) ?? lastLine(stderr);
  if (/Permission denied/.test(stderr)) return fileError("copy", Buffer.from(from), why);
  return new GlueError("transferFailed", `Not all of ${from} could be copied: ${why || `tar ended with ${code}`}`, {
    hint: "What changed or vanished while it was copied is missing. Copy it again.",
    retryable: true,
  });
}

/** Writes the entries of an archive below one path. */
class TreeWriter {
  /** Of the files, as the archive has them. */
  readonly names: Uint8Array[] = [];
  readonly hashes: string[] = [];
  readonly skipped: string[] = [];
  folders = 0;
  links = 0;
  bytes = 0;
  readonly #to: Buffer;
  readonly #top: Buffer;
  readonly #report: (done: number) => void;
  /** Modes of folders, set when nothing more is written into them. */
  readonly #modes: [Buffer, number][] = [];
  /** Folders that are known to be none but folders, by their path in latin1. */
  readonly #sure = new Set<string>();
  readonly #written = new Map<string, number>();

  constructor(to: Buffer, top: Buffer, report: (done: number) => void) {
    this.#to = to;
    this.#top = top;
    this.#report = report;
  }

  get files(): number {
    return this.names.length;
  }

  async add(entry: TarEntry): Promise<void> {
    const path = this.#below(entry.path);
    const at = path.length === 0 ? this.#to : Buffer.concat([this.#to, SLASH, path]);
    try {
      await this.#parentsOf(path);
      await this.#write(entry, at);
    } catch (error) {
      throw systemError("write", at, error);
    }
  }

  /** Gives the folders their modes. */
  async finish(): Promise<void> {
    for (const [at, mode] of this.#modes.reverse()) await fs.chmod(at, mode);
  }

  async #write(entry: TarEntry, at: Buffer): Promise<void> {
    switch (entry.type) {
      case "folder":
        await this.#folder(at, entry.mode & 0o777);
        return;
      case "symlink":
        await replaceWith(at, (fresh) => fs.symlink(Buffer.from(entry.link), fresh));
        this.links += 1;
        return;
      case "hardlink":
        await this.#again(entry, at);
        return;
      case "file": {
        const { hash, size } = await writeFile(at, entry.mode, () => this.#counted(entry));
        if (size !== entry.size) throw new GlueError("transferFailed", `${showPath(entry.path)} did not arrive whole.`);
        this.#written.set(key(entry.path), this.names.length);
        this.names.push(new Uint8Array(entry.path));
        this.hashes.push(hash);
        return;
      }
      case "other":
        this.skipped.push(showPath(entry.path));
    }
  }

  async *#counted(entry: TarEntry): AsyncGenerator<Uint8Array> {
    for await (const chunk of entry.content()) {
      this.bytes += chunk.length;
      this.#report(this.bytes);
      yield chunk;
    }
  }

  async #folder(at: Buffer, mode: number): Promise<void> {
    const seen = await look(at);
    if (seen === undefined) await fs.mkdir(at, { mode: 0o700 });
    else if (!seen.isDirectory()) throw notAFolder(at);
    // What is to be written into it may need more than it will have.
    else await fs.chmod(at, (seen.mode & 0o777) | 0o700);
    this.#sure.add(key(at));
    this.#modes.push([at, mode]);
    this.folders += 1;
  }

  /** A further name of a file that came before: a file of its own here, with the same bytes. */
  async #again(entry: TarEntry, at: Buffer): Promise<void> {
    const first = this.#written.get(key(entry.link));
    const hash = first === undefined ? undefined : this.hashes[first];
    if (hash === undefined)
      throw new GlueError("transferFailed", `${showPath(entry.path)} is a link to what did not come.`);
    const source = Buffer.concat([this.#to, SLASH, this.#below(entry.link)]);
    await replaceWith(at, (fresh) => fs.copyFile(source, fresh, constants.COPYFILE_EXCL));
    this.#written.set(key(entry.path), this.names.length);
    this.names.push(new Uint8Array(entry.path));
    this.hashes.push(hash);
  }

  /** The path below the top; refuses whatever would lead out of it. */
  #below(path: Uint8Array): Buffer {
    const bytes = Buffer.from(path);
    const parts = bytes.toString("latin1").split("/");
    const top = this.#top.toString("latin1");
    const below = top === "." ? parts.filter((part) => part !== ".") : parts.slice(1);
    const foreign = (top !== "." && parts[0] !== top) || bytes[0] === 0x2f;
    if (foreign || below.some((part) => part === ".." || part === "." || (part === "" && below.length > 1))) {
      throw new GlueError("transferFailed", `The sandbox sent a path that leads elsewhere: ${showPath(path)}`);
    }
    return Buffer.from(below.join("/"), "latin1");
  }

  /** Every folder above, up to the destination, has to be a folder and no link to one. */
  async #parentsOf(path: Buffer): Promise<void> {
    if (path.length === 0) return await makeParents(this.#to);
    for (let at = path.indexOf(0x2f); at !== -1; at = path.indexOf(0x2f, at + 1)) {
      const folder = Buffer.concat([this.#to, SLASH, path.subarray(0, at)]);
      if (this.#sure.has(key(folder))) continue;
      const seen = await look(folder);
      if (seen === undefined) await fs.mkdir(folder);
      else if (!seen.isDirectory()) throw notAFolder(folder);
      this.#sure.add(key(folder));
    }
  }
}

const SLASH = Buffer.from("/");
const key = (path: Uint8Array) => Buffer.from(path).toString("latin1");

async function look(at: Buffer) {
  return await fs.lstat(at).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
}

function notAFolder(at: Buffer): GlueError {
  return new GlueError("notADirectory", `Cannot write below ${showPath(at)}: it is not a directory`);
}

async function makeParents(at: Buffer): Promise<void> {
  const folder = at.subarray(0, at.lastIndexOf(0x2f));
  if (folder.length > 0) await fs.mkdir(folder, { recursive: true });
}

/** Writes a file beside its place and puts it there whole; a link in its place is replaced, not followed. */
async function writeFile(
  at: Buffer,
  mode: number,
  content: () => AsyncIterable<Uint8Array>,
): Promise<{ hash: string; size: number }> {
  const hash = new Bun.CryptoHasher("sha256");
  let size = 0;
  await replaceWith(at, async (fresh) => {
    const file: FileHandle = await open(fresh, "wx", 0o600);
    try {
      for await (const chunk of content()) {
        hash.update(chunk);
        size += chunk.length;
        for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
      }
      await file.chmod(mode & 0o777);
    } finally {
      await file.close();
    }
  });
  return { hash: hash.digest("hex"), size };
}

async function replaceWith(at: Buffer, make: (fresh: Buffer) => Promise<unknown>): Promise<void> {
  const cut = at.lastIndexOf(0x2f) + 1;
  const fresh = Buffer.concat([at.subarray(0, cut), Buffer.from(`.glue-cp-${crypto.randomUUID().slice(0, 13)}`)]);
  try {
    await make(fresh);
    const seen = await look(at);
    if (seen?.isDirectory()) throw new GlueError("isADirectory", `Cannot write ${showPath(at)}: it is a directory`);
    await fs.rename(fresh, at);
  } catch (error) {
    await fs.rm(fresh, { force: true });
    throw systemError("write", at, error);
  }
}

/** The bytes of a file in the sandbox as they come; `done` resolves when they were all read and are those of the file. */
export async function streamFile(
  target: CopyTarget,
  from: string,
  options: CopyOptions = {},
): Promise<{ stream: ByteStream; done: () => Promise<CopyReport> }> {
  const { stream, hash, size } = observed(
    await target.workspace.download(from),
    `copying ${posix.basename(from)}`,
    undefined,
    options,
  );
  const name = new TextEncoder().encode(posix.basename(from));
  return {
    stream,
    async done() {
      const there = await sandboxHashes(target, posix.dirname(from), [name], options);
      const verified = compareHashes([name], [hash.digest("hex")], there);
      return { files: 1, folders: 0, links: 0, bytes: size(), verified, skipped: [] };
    },
  };
}
