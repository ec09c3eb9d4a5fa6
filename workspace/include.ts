/**
 * Ignored files that `.worktreeinclude` opts in. They travel beside the base, in a commit of their own: what is in the base can
 * end up in a branch, and these never shall.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { splitNul } from "./bytes.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import { GLUE_IDENTITY } from "./layout.ts";
import { type PrivateIndex, writeTree } from "./snapshot-index.ts";
import { type Store, scratchPath } from "./snapshot-store.ts";
import { nulList } from "./snapshot-tracked.ts";

/** The file at the top of the tree that names them, written as an ignore file is. */
export const INCLUDE_FILE = ".worktreeinclude";

export interface Included {
  readonly paths: readonly Uint8Array[];
  /** A root commit whose tree holds them. */
  readonly commit: string;
}

/** The files that `.worktreeinclude` matches and git ignores, as a commit; undefined where there are none. `index` must be filled. */
export async function includeIgnored(store: Store, index: PrivateIndex, top: string): Promise<Included | undefined> {
  const file = join(top, INCLUDE_FILE);
  if (!existsSync(file)) return undefined;
  // Whatever is not ignored is in the index by now, so these are ignored files only.
  const { stdout } = await git(["ls-files", "--others", "--ignored", `--exclude-from=${file}`, "-z"], index.options);
  const paths = splitNul(stdout).filter((path) => path.at(-1) !== 0x2f);
  if (paths.length === 0) return undefined;
  const scratch = scratchPath(store, "include");
  const options: GitOptions = { ...index.options, env: { ...index.options.env, GIT_INDEX_FILE: scratch } };
  try {
    const args = ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"];
    await git(args, { ...options, stdin: nulList(paths) });
    const tree = await writeTree({ path: scratch, options });
    return { paths, commit: await commitTree(options, { tree, message: "opted-in ignored files", date: EPOCH }) };
  } finally {
    rmSync(scratch, { force: true });
    rmSync(`${scratch}.lock`, { force: true });
  }
}

/** The same files make the same commit, so that a bundle that exists already fits. */
const EPOCH = "1970-01-01T00:00:00Z";

/** Makes a commit under glue's own name and returns its id. `date` as git reads dates; now where it is left out. */
export function commitTree(
  options: GitOptions,
  commit: { tree: string; parent?: string; message: string; date?: string },
): Promise<string> {
  const parent = commit.parent === undefined ? [] : ["-p", commit.parent];
  const date = commit.date === undefined ? {} : { GIT_AUTHOR_DATE: commit.date, GIT_COMMITTER_DATE: commit.date };
  const env = {
    ...options.env,
    GIT_AUTHOR_NAME: GLUE_IDENTITY.name,
    GIT_AUTHOR_EMAIL: GLUE_IDENTITY.email,
    GIT_COMMITTER_NAME: GLUE_IDENTITY.name,
    GIT_COMMITTER_EMAIL: GLUE_IDENTITY.email,
    ...date,
  };
  return gitText(["commit-tree", commit.tree, ...parent, "-m", commit.message], { ...options, env });
}
