/** Finds out what `git am` makes of an mbox, by doing it: in a repository of its own, with no file of the tree on disk. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isGlueError } from "../spec/glue-error.ts";
import type { ChangeStore } from "./capture-store.ts";
import { readObjects } from "./cat-file.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import { GLUE_IDENTITY } from "./layout.ts";
import { quotedFolder } from "./object-folder.ts";

export interface Trial {
  /** Whether the tree came out the same. */
  readonly sameTree: boolean;
  /** Whether each commit came out with its tree, author, date and message. */
  readonly exact: boolean;
}

/**
 * Applies the mbox to the base with a plain `git am` and compares the result with `head` and its commits (oldest first, one behind
 * the other). Leaves nothing behind.
 */
export async function tryMbox(
  store: ChangeStore,
  mbox: string,
  head: string,
  commits: readonly string[],
): Promise<Trial> {
  const place = join(store.gitDir, "trial");
  rmSync(place, { recursive: true, force: true });
  try {
    const options = prepare(store, place);
    // Every entry is marked as not on disk: git then works on the index, and only what a patch touches is written.
    await git(["read-tree", store.base.commit], options);
    const applied = await git(["am", "--quiet", mbox], { ...options, okExit: [0, 1, 2, 128] });
    if (applied.exitCode !== 0) return { sameTree: false, exact: false };
    const made = await gitText(["rev-list", "--reverse", `${store.base.commit}..HEAD`], options);
    return await compare(options, made === "" ? [] : made.split("\n"), commits, head);
  } catch (error) {
    // The trial answers a question; that it could not be made is the answer no, never a reason to lose the capture.
    if (isGlueError(error, "gitFailed")) return { sameTree: false, exact: false };
    throw error;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function prepare(store: ChangeStore, place: string): GitOptions {
  const gitDir = join(place, "git");
  const workTree = join(place, "tree");
  for (const folder of ["objects/info", "objects/pack", "refs", "info"])
    mkdirSync(join(gitDir, folder), { recursive: true });
  mkdirSync(workTree);
  const sha256 = store.base.objectFormat === "sha256" ? "[extensions]\n\tobjectFormat = sha256\n" : "";
  writeFileSync(
    join(gitDir, "config"),
    `[core]\n\trepositoryFormatVersion = ${sha256 === "" ? 0 : 1}\n\tbare = false\n\tsparseCheckout = true\n${sha256}`,
  );
  writeFileSync(join(gitDir, "info", "sparse-checkout"), "!/*\n");
  writeFileSync(join(gitDir, "shallow"), `${store.base.commit}\n`);
  writeFileSync(join(gitDir, "HEAD"), `${store.base.commit}\n`);
  const { name, email } = GLUE_IDENTITY;
  return {
    gitDir,
    workTree,
    config: ["core.fsync=none", `user.name=${name}`, `user.email=${email}`, "core.safecrlf=false"],
    env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: quotedFolder(join(store.gitDir, "objects")) },
  };
}

async function compare(
  options: GitOptions,
  made: readonly string[],
  meant: readonly string[],
  head: string,
): Promise<Trial> {
  const commits = await readObjects(options, [...made, ...meant, head, "HEAD"]);
  const sameTree = treeLine(commits.at(-1)) === treeLine(commits.at(-2));
  const exact =
    made.length === meant.length && made.every((_, at) => essence(commits[at]) === essence(commits[made.length + at]));
  return { sameTree, exact: sameTree && exact };
}

function treeLine(commit: string | undefined): string | undefined {
  return commit === undefined ? undefined : /^tree (\S+)/.exec(commit)?.[1];
}

/** A commit without what another committer and another parent id change. */
function essence(commit: string | undefined): string {
  return (commit ?? "").replaceAll(/^(?:parent|committer) .*\n/gm, (line, at: number) =>
    at < (commit ?? "").indexOf("\n\n") ? "" : line,
  );
}
