/** What is at one path of a working tree, read so that a later look can tell whether it is still the same. */
import { lstatSync, readlinkSync } from "node:fs";
import { lstatIfThere } from "./host-file.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

/** A file or symbolic link on disk. */
export interface DiskEntry {
  readonly kind: "file" | "link";
  /** Permission bits (07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Device, inode, size and times: another value means that it was written or replaced since. */
  readonly stamp: string;
}

/** Undefined where nothing is there; `"folder"` and `"special"` for what git has no content of. */
export function lookAt(path: Buffer): DiskEntry | "folder" | "special" | undefined {
  if (lstatIfThere(path) === undefined) return undefined;
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.isDirectory()) return "folder";
  if (!stat.isFile() && !stat.isSymbolicLink()) return "special";
  return {
    kind: stat.isFile() ? "file" : "link",
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    stamp: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`,
  };
}

/** The id that git gives the bytes of a file or the target of a link, as they are. */
export async function blobId(path: Buffer, kind: DiskEntry["kind"], format: ObjectFormat): Promise<string> {
  const hasher = new Bun.CryptoHasher(format);
  if (kind === "link") {
    const target = readlinkSync(path, { encoding: "buffer" });
    return hasher.update(`blob ${target.length}\0`).update(target).digest("hex");
  }
  const file = Bun.file(new Uint8Array(path));
  hasher.update(`blob ${file.size}\0`);
  for await (const chunk of file.stream()) hasher.update(chunk);
  return hasher.digest("hex");
}
