/** Three trees in, one out: what git's own merge makes of them, without a working tree, an index or a repository of the user's. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { splitNul } from "./bytes.ts";
import { type GitOptions, git, gitText, gitVersion } from "./git.ts";
import { GLUE_IDENTITY, pathText } from "./layout.ts";
import { quotedFolder } from "./object-folder.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

export interface MergeConflict {
  /** As `pathText` writes it. */
  readonly path: string;
  readonly kind: "content" | "unmergeable" | "deletedHere" | "deletedThere" | "other";
  /** Where the other side's version was put, because it cannot be shown within the file. */
  readonly theirs?: string;
}

export interface Merged {
  readonly tree: string;
  readonly conflicts: readonly MergeConflict[];
}

/** A git directory of one merge, which can read the objects of others and keeps its own. */
export interface MergePlace {
  readonly gitDir: string;
  readonly format: ObjectFormat;
  readonly options: GitOptions;
}

/** Makes the place; remove it with `dropMergePlace`. `objects` are object folders to read from, absolute. */
export function makeMergePlace(gitDir: string, format: ObjectFormat, objects: readonly string[]): MergePlace {
  for (const folder of ["objects/info", "objects/pack", "refs/heads", "info"])
    mkdirSync(join(gitDir, folder), { recursive: true, mode: 0o700 });
  const sha256 = format === "sha256" ? "[extensions]\n\tobjectFormat = sha256\n" : "";
  writeFileSync(
    join(gitDir, "config"),
    `[core]\n\trepositoryFormatVersion = ${sha256 === "" ? 0 : 1}\n\tbare = true\n${sha256}`,
  );
  writeFileSync(join(gitDir, "HEAD"), "ref: refs/heads/none\n");
  const { name, email } = GLUE_IDENTITY;
  const options: GitOptions = {
    gitDir,
    // A folder that was renamed on one side says nothing about new files of the other.
    config: ["core.fsync=none", "merge.directoryRenames=false", "merge.conflictStyle=merge"],
    env: {
      GIT_ALTERNATE_OBJECT_DIRECTORIES: objects.map(quotedFolder).join(":"),
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
    },
  };
  return { gitDir, format, options };
}

export function dropMergePlace({ gitDir }: MergePlace): void {
  rmSync(gitDir, { recursive: true, force: true });
}

/**
 * Merges what `theirs` changed since `base` into `ours`. Conflict markers carry the labels. What markers cannot show (binary content,
 * links) stays as it is in `ours`, and the other version is put beside it.
 * @throws GlueError `landRefused` where git is older than 2.38.
 */
export async function mergeTrees(
  { options }: MergePlace,
  trees: { readonly base: string; readonly ours: string; readonly theirs: string },
  labels: { readonly ours: string; readonly theirs: string },
): Promise<Merged> {
  const base = await gitText(["commit-tree", trees.base, "-m", "base"], options);
  for (const side of ["ours", "theirs"] as const) {
    const commit = await gitText(["commit-tree", trees[side], "-p", base, "-m", side], options);
    await git(["update-ref", `refs/heads/${labels[side]}`, commit], options);
  }
  const merged = await mergeTree(options, labels);
  const [tree, ...entries] = merged;
  if (tree === undefined) throw new GlueError("internal", "git merge-tree answered nothing.");
  const stages = stagesOf(entries);
  if (stages.size === 0) return { tree: text(tree), conflicts: [] };
  return await settle(options, text(tree), stages, labels.theirs);
}

async function mergeTree(options: GitOptions, labels: { ours: string; theirs: string }): Promise<Uint8Array[]> {
  const args = ["merge-tree", "--write-tree", "--no-messages", "-z", labels.ours, labels.theirs];
  try {
    return splitNul((await git(args, { ...options, okExit: [0, 1] })).stdout);
  } catch (cause) {
    if (!isGlueError(cause, "gitFailed")) throw cause;
    const version = (await gitVersion()) ?? "0";
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major > 2 || (major === 2 && minor >= 38)) throw cause;
    throw new GlueError(
      "landRefused",
      `A merge into the working tree needs git 2.38 or newer; this is git ${version}.`,
      {
        hint: "Without --in-place the change lands as a branch; git merge takes it from there.",
        cause,
      },
    );
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

interface Stages {
  readonly path: Uint8Array;
  readonly at: Map<number, { readonly mode: string; readonly id: string }>;
}

function stagesOf(entries: readonly Uint8Array[]): Map<string, Stages> {
  const found = new Map<string, Stages>();
  for (const entry of entries) {
    const tab = entry.indexOf(0x09);
    const [mode = "", id = "", stage = ""] = text(entry.subarray(0, tab)).split(" ");
    const path = entry.subarray(tab + 1);
    const key = Buffer.from(path).toString("latin1");
    const known = found.get(key) ?? { path, at: new Map() };
    known.at.set(Number(stage), { mode, id });
    found.set(key, known);
  }
  return found;
}

/** Names what each conflict is, and puts the other version beside ours where the merged tree does not hold it. */
async function settle(
  options: GitOptions,
  tree: string,
  stages: ReadonlyMap<string, Stages>,
  label: string,
): Promise<Merged> {
  const index: GitOptions = {
    ...options,
    env: { ...options.env, GIT_INDEX_FILE: join(options.gitDir ?? "", "index") },
  };
  await git(["read-tree", tree], index);
  const held = await entriesOf(index);
  const beside: Uint8Array[] = [];
  const conflicts = [...stages.values()].map(({ path, at }): MergeConflict => {
    const [first, ours, theirs] = [at.get(1), at.get(2), at.get(3)];
    const now = held.get(Buffer.from(path).toString("latin1"));
    const shown = pathText(path);
    if (ours === undefined && theirs !== undefined && first !== undefined) return { path: shown, kind: "deletedHere" };
    if (ours !== undefined && theirs === undefined && first !== undefined) return { path: shown, kind: "deletedThere" };
    if (ours === undefined || theirs === undefined) return { path: shown, kind: "other" };
    if (now !== `${ours.mode} ${ours.id}` || theirs.mode === "160000") return { path: shown, kind: "content" };
    const name = freeName(path, label, held);
    beside.push(Buffer.concat([Buffer.from(`${theirs.mode} ${theirs.id} 0\t`), name, NUL]));
    return { path: shown, kind: "unmergeable", theirs: pathText(name) };
  });
  if (beside.length === 0) return { tree, conflicts };
  await git(["update-index", "-z", "--index-info"], { ...index, stdin: Buffer.concat(beside) });
  return { tree: await gitText(["write-tree"], index), conflicts };
}

const NUL = Buffer.alloc(1);

/** Path (its bytes as characters) to mode and id. */
async function entriesOf(index: GitOptions): Promise<Map<string, string>> {
  const { stdout } = await git(["ls-files", "--stage", "-z"], index);
  const found = new Map<string, string>();
  for (const entry of splitNul(stdout)) {
    const tab = entry.indexOf(0x09);
    const [mode = "", id = ""] = text(entry.subarray(0, tab)).split(" ");
    found.set(Buffer.from(entry.subarray(tab + 1)).toString("latin1"), `${mode} ${id}`);
  }
  return found;
}

/** As git names the other side of a conflict between a file and a folder. */
function freeName(path: Uint8Array, label: string, held: Map<string, string>): Buffer {
  const stem = Buffer.concat([Buffer.from(path), Buffer.from(`~${label.replaceAll("/", "_")}`)]);
  for (let number = 0; ; number++) {
    const name = number === 0 ? stem : Buffer.concat([stem, Buffer.from(`_${number}`)]);
    const key = name.toString("latin1");
    if (held.has(key)) continue;
    held.set(key, "");
    return name;
  }
}
