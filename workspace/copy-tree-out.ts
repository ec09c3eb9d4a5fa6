import { constants, promises as fs } from "node:fs";
import { showPath } from "../runtimes/common/file-errors.ts";
import { systemError } from "../runtimes/common/system-error.ts";
import { GlueError } from "../spec/glue-error.ts";
import type { TarEntry } from "./capture-tar.ts";
import { look, makeParents, replaceWith, writeFile } from "./copy-write.ts";

/** Writes the entries of an archive below one path. */
export class TreeWriter {
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

function notAFolder(at: Buffer): GlueError {
  return new GlueError("notADirectory", `Cannot write below ${showPath(at)}: it is not a directory`);
}
