/** Our side of a merge into a working tree: everything on disk that the change could meet, ignored files in its way included. */
import { readdirSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { splitNul } from "./bytes.ts";
import { lookAt } from "./disk-entry.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import { pathBelow } from "./host-file.ts";
import { pathText } from "./layout.ts";
import { type RawEntry, sides } from "./raw-diff.ts";

/**
 * The tree of `taken` (what git would not ignore), and in it the files that git ignores, or does not look into, where the change has
 * a file of the same path: they must be merged with, not written over. `landRefused` where such a path is neither file nor link.
 */
export async function withFilesInTheWay(
  options: GitOptions,
  taken: string,
  top: string,
  change: readonly RawEntry[],
): Promise<string> {
  const { stdout } = await git(["ls-tree", "-r", "-z", "--name-only", "--full-tree", taken], options);
  const known = new Set(splitNul(stdout).map(latin));
  const info: Buffer[] = [];
  for (const entry of change) {
    const { after } = sides(entry);
    if (after === undefined || after.mode === "160000" || known.has(latin(entry.path))) continue;
    const full = pathBelow(top, entry.path);
    const now = lookAt(full);
    if (now === undefined || now === "folder" || !isSpelledSo(full)) continue;
    if (now === "special") {
      throw new GlueError(
        "landRefused",
        `${pathText(entry.path)} is no file here (a socket, a pipe or a device), and the change has one.`,
      );
    }
    const content = now.kind === "link" ? readlinkSync(full, { encoding: "buffer" }) : Bun.file(new Uint8Array(full));
    const id = await gitText(["hash-object", "-w", "--stdin"], { ...options, stdin: content });
    const mode = now.kind === "link" ? "120000" : (now.mode & 0o100) === 0 ? "100644" : "100755";
    info.push(Buffer.concat([Buffer.from(`${mode} ${id} 0\t`), entry.path, NUL]));
  }
  if (info.length === 0) return taken;
  const index: GitOptions = { ...options, env: { ...options.env, GIT_INDEX_FILE: `${options.gitDir}/ours` } };
  await git(["read-tree", taken], index);
  await git(["update-index", "-z", "--index-info"], { ...index, stdin: Buffer.concat(info) });
  return await gitText(["write-tree"], index);
}

const NUL = Buffer.alloc(1);

function latin(path: Uint8Array): string {
  return Buffer.from(path).toString("latin1");
}

/** Whether the folder lists this very name: where names fold, another one may answer to it. */
function isSpelledSo(full: Buffer): boolean {
  const text = full.toString("latin1");
  const folder = Buffer.from(dirname(text), "latin1");
  const name = full.subarray(text.lastIndexOf("/") + 1);
  return readdirSync(folder, { encoding: "buffer" }).some((entry) => entry.equals(name));
}
