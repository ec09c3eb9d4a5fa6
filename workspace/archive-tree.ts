/** The archive of a snapshot: the files of its tree and the opted-in ones, streamed out of glue's git directory. */
import type { ByteStream } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { ARCHIVE_END, type ArchiveEntry, archivedSize, archiveHeader, archivePadding } from "./archive.ts";
import { Gatherer, streamOf } from "./byte-stream.ts";
import { splitNul } from "./bytes.ts";
import { type GitOptions, git, gitStream } from "./git.ts";

/** An archive that is made while it is read, in constant memory. */
export interface Archive {
  /** Exact, in bytes. */
  readonly size: number;
  readonly files: number;
  /** Makes the stream; each call starts anew. */
  open(): ByteStream;
}

interface TreeEntry extends ArchiveEntry {
  /** Undefined for a folder, which has no content. */
  readonly id: string | undefined;
}

/** The archive of these trees, one behind the other. `gitFailed` where an object is missing, at the latest through the stream. */
export async function archiveTrees(options: GitOptions, trees: readonly string[]): Promise<Archive> {
  const entries = (await Promise.all(trees.map((tree) => listTree(options, tree)))).flat();
  const size = entries.reduce((sum, entry) => sum + archivedSize(entry), ARCHIVE_END.length);
  const files = entries.filter(({ kind }) => kind !== "folder").length;
  return { size, files, open: () => streamOf(writeArchive(options, entries)) };
}

async function listTree(options: GitOptions, tree: string): Promise<TreeEntry[]> {
  const { stdout } = await git(["ls-tree", "-r", "-l", "-z", "--full-tree", tree], options);
  return splitNul(stdout).map((line) => {
    const tab = line.indexOf(0x09);
    const [mode, , id, size = "0"] = new TextDecoder().decode(line.subarray(0, tab)).split(/ +/);
    const path = line.subarray(tab + 1);
    // A submodule is an empty folder, as in a checkout.
    if (mode === "160000") return { path, kind: "folder", size: 0, id: undefined };
    const kind = mode === "120000" ? "symlink" : "file";
    return { path, kind, executable: mode === "100755", size: Number(size), id };
  });
}

async function* writeArchive(options: GitOptions, entries: readonly TreeEntry[]): AsyncGenerator<Uint8Array> {
  const ids = entries.flatMap(({ id }) => (id === undefined ? [] : [id]));
  const contents = gitStream(["cat-file", "--batch", "--buffer"], {
    ...options,
    stdin: ids.map((id) => `${id}\n`).join(""),
  });
  const reader = new ContentReader(contents.stdout);
  const out = new Gatherer();
  try {
    for (const entry of entries) {
      if (entry.id === undefined) {
        yield* out.add(archiveHeader(entry));
        continue;
      }
      await reader.begin(entry.id, entry.size);
      if (entry.kind === "symlink") {
        yield* out.add(archiveHeader(entry, await reader.rest()));
        continue;
      }
      yield* out.add(archiveHeader(entry));
      for (let part = await reader.next(); part !== undefined; part = await reader.next()) yield* out.add(part);
      yield* out.add(archivePadding(entry.size));
    }
    yield* out.add(ARCHIVE_END);
    yield* out.flush();
    await contents.done;
  } finally {
    await reader.cancel();
  }
}

/** Reads what `cat-file --batch` writes: a line with id, type and size, the content, a newline. */
class ContentReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #buffer: Uint8Array = new Uint8Array(0);
  #left = 0;

  constructor(stream: ByteStream) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async begin(id: string, size: number): Promise<void> {
    let end = this.#buffer.indexOf(0x0a);
    while (end === -1) {
      this.#buffer = Buffer.concat([this.#buffer, await this.#read()]);
      end = this.#buffer.indexOf(0x0a);
    }
    const line = new TextDecoder().decode(this.#buffer.subarray(0, end));
    this.#buffer = this.#buffer.subarray(end + 1);
    if (line !== `${id} blob ${size}`)
      throw new GlueError("gitFailed", `git cannot give the content of ${id}: ${line}`);
    this.#left = size;
    if (size === 0) await this.#endLine();
  }

  /** The next bytes of the content, undefined behind its end. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#left === 0) return undefined;
    if (this.#buffer.length === 0) this.#buffer = await this.#read();
    const part = this.#buffer.subarray(0, this.#left);
    this.#buffer = this.#buffer.subarray(part.length);
    this.#left -= part.length;
    if (this.#left === 0) await this.#endLine();
    return part;
  }

  async rest(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let part = await this.next(); part !== undefined; part = await this.next()) parts.push(part);
    return Buffer.concat(parts);
  }

  async cancel(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #endLine(): Promise<void> {
    if (this.#buffer.length === 0) this.#buffer = await this.#read();
    this.#buffer = this.#buffer.subarray(1);
  }

  async #read(): Promise<Uint8Array> {
    const { done, value } = await this.#chunks.next();
    if (done) throw new GlueError("gitFailed", "git ended before it had given all contents.");
    return value;
  }
}
