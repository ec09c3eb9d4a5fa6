/** A tree of this machine as it is about to be copied. */
import { promises as fs } from "node:fs";
import { systemError } from "../runtimes/common/system-error.ts";

export interface WalkedEntry {
  /** Relative to the top, which is "" itself. */
  readonly path: Uint8Array;
  /** Absolute. */
  readonly at: Buffer;
  readonly kind: "file" | "symlink" | "folder";
  readonly mode: number;
  /** Of a file's content, in bytes. */
  readonly size: number;
  readonly target?: Uint8Array;
}

export interface Walked {
  /** Every folder before what is in it. */
  readonly entries: readonly WalkedEntry[];
  /** What is neither file, folder nor symbolic link; absolute. */
  readonly skipped: readonly string[];
}

/** Everything from `top` (absolute) on; links are not followed. What vanishes while it is listed is not there. */
export async function walk(top: string): Promise<Walked> {
  const entries: WalkedEntry[] = [];
  const skipped: string[] = [];
  const visit = async (at: Buffer, path: Buffer): Promise<void> => {
    const entry = await entryOf(at, path);
    if (entry === undefined) return;
    if (entry === "other") {
      skipped.push(at.toString());
      return;
    }
    entries.push(entry);
    if (entry.kind !== "folder") return;
    const names = await fs.readdir(at, { encoding: "buffer" }).catch((error: unknown) => {
      throw systemError("list", at, error);
    });
    for (const name of names.sort(Buffer.compare))
      await visit(join(at, name), path.length === 0 ? name : join(path, name));
  };
  await visit(Buffer.from(top), Buffer.alloc(0));
  return { entries, skipped };
}

async function entryOf(at: Buffer, path: Buffer): Promise<WalkedEntry | "other" | undefined> {
  try {
    const stat = await fs.lstat(at);
    const mode = stat.mode & 0o7777;
    if (stat.isFile()) return { path, at, kind: "file", mode, size: stat.size };
    if (stat.isDirectory()) return { path, at, kind: "folder", mode, size: 0 };
    if (!stat.isSymbolicLink()) return "other";
    const target = await fs.readlink(at, { encoding: "buffer" });
    return { path, at, kind: "symlink", mode, size: target.length, target };
  } catch (error) {
    if (path.length > 0 && error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw systemError("read", at, error);
  }
}

const SLASH = Buffer.from("/");

function join(folder: Uint8Array, name: Uint8Array): Buffer {
  return Buffer.concat([folder, SLASH, name]);
}
