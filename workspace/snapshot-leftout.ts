/** What does not travel, and why: said for every session, because nothing may be missing in silence. */
import { type Dirent, readdirSync } from "node:fs";
import { splitNul } from "./bytes.ts";
import { git } from "./git.ts";
import { pathText } from "./layout.ts";
import type { PrivateIndex } from "./snapshot-index.ts";
import type { LeftOut } from "./snapshot-types.ts";

/** Lists are cut here; counts are not. */
const LIST_LIMIT = 1_000;
const EXAMPLES = 20;

export interface LeftOutInput {
  readonly top: string;
  /** Filled from the disk; undefined where there is no git, and then nothing is known of ignored files. */
  readonly index: PrivateIndex | undefined;
  readonly included: readonly Uint8Array[];
  readonly unreadable: readonly Uint8Array[];
  readonly missing: readonly Uint8Array[];
  /** Folders that are repositories of their own; not looked into. */
  readonly nested: readonly Uint8Array[];
}

/** Walks the tree (not its ignored folders) and asks git for what it ignores. */
export async function findLeftOut(input: LeftOutInput): Promise<LeftOut> {
  const ignored = input.index === undefined ? [] : await listIgnored(input.index, input.included);
  const folders = ignored.filter(isFolder);
  const closed = new Set([...folders.map((path) => key(path.subarray(0, -1))), ...input.nested.map(key), ".git"]);
  const walked = walk(input.top, closed);
  const unreadable = [...input.unreadable.map(pathText), ...walked.unreadable];
  return {
    ignored: {
      files: ignored.length - folders.length,
      folders: folders.length,
      examples: ignored.slice(0, EXAMPLES).map(pathText),
    },
    special: walked.special.slice(0, LIST_LIMIT),
    unreadable: unreadable.slice(0, LIST_LIMIT),
    emptyFolders: { count: walked.empty.length, paths: walked.empty.slice(0, LIST_LIMIT) },
    sparse: { count: input.missing.length, paths: input.missing.slice(0, LIST_LIMIT).map(pathText) },
  };
}

function isFolder(path: Uint8Array): boolean {
  return path.at(-1) === 0x2f;
}

/** Paths as keys of a set: bytes as characters. */
function key(path: Uint8Array): string {
  return Buffer.from(path).toString("latin1");
}

/** Ignored files, and as one entry with a slash at its end every folder that is ignored as a whole. */
async function listIgnored(index: PrivateIndex, included: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const args = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"];
  const { stdout } = await git(args, index.options);
  const travels = new Set(included.map(key));
  return splitNul(stdout).filter((path) => !travels.has(key(path)));
}

interface Walked {
  readonly special: { path: string; kind: "socket" | "fifo" | "device" }[];
  readonly empty: string[];
  readonly unreadable: string[];
}

function walk(top: string, closed: ReadonlySet<string>): Walked {
  const found: Walked = { special: [], empty: [], unreadable: [] };
  const pending: Buffer[] = [Buffer.alloc(0)];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const entries = readFolder(Buffer.concat([Buffer.from(`${top}/`), folder]), folder, found);
    if (entries === undefined) continue;
    if (entries.length === 0 && folder.length > 0) found.empty.push(pathText(folder));
    for (const entry of entries) {
      if (entry.kind === "other") continue;
      const path = folder.length === 0 ? entry.name() : Buffer.concat([folder, SLASH, entry.name()]);
      if (entry.kind !== "folder") found.special.push({ path: pathText(path), kind: entry.kind });
      else if (!closed.has(path.toString("latin1"))) pending.push(path);
    }
  }
  return found;
}

const SLASH = Buffer.from("/");

interface FolderEntry {
  readonly kind: "folder" | "socket" | "fifo" | "device" | "other";
  /** Made only when it is asked for: most entries are files, whose names are of no interest here. */
  readonly name: () => Buffer;
}

function kindOf(entry: Dirent): FolderEntry["kind"] {
  if (entry.isFile()) return "other";
  if (entry.isDirectory()) return entry.name === ".git" ? "other" : "folder";
  if (entry.isFIFO()) return "fifo";
  if (entry.isSocket()) return "socket";
  return entry.isBlockDevice() || entry.isCharacterDevice() ? "device" : "other";
}

function readFolder(path: Buffer, relative: Buffer, found: Walked): FolderEntry[] | undefined {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    // Where some name is not UTF-8, the bytes are read too. Both calls list in the same order.
    const odd = entries.some((entry) => entry.name.includes("\ufffd"));
    const names = odd ? readdirSync(path, { encoding: "buffer" }) : [];
    return entries.map((entry, at) => ({ kind: kindOf(entry), name: () => names[at] ?? Buffer.from(entry.name) }));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // A folder that vanished or became something else meanwhile is no longer part of the tree.
    if (code === "EACCES" || code === "EPERM" || code === "EIO") found.unreadable.push(`${pathText(relative)}/`);
    return undefined;
  }
}
