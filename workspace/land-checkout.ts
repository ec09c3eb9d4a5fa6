/** Switches a working tree to a landed branch, where nothing that exists only on disk would be lost by it. */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { splitNul } from "./bytes.ts";
import { mergedNames, namesMerge, pathsOfTree } from "./folded-names.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import type { Landed } from "./land.ts";
import { ownEndings, targetConfig } from "./land-attributes.ts";
import { pathText } from "./layout.ts";
import { takeSnapshot } from "./snapshot.ts";
import type { StagedBase } from "./snapshot-types.ts";

export interface CheckOutRequest {
  /** A folder of the working tree, absolute. */
  readonly target: string;
  readonly landed: Pick<Landed, "branch" | "commit">;
  readonly base: StagedBase;
  /** `$GLUE_HOME`, absolute. */
  readonly home: string;
}

/** `landRefused` where something is under way, or where the tree holds work that neither it nor the branch has as a commit. */
export async function checkOut(request: CheckOutRequest): Promise<void> {
  const { branch } = request.landed;
  const asUser: GitOptions = { cwd: request.target, userConfig: true };
  const places = await gitText(["rev-parse", "--is-bare-repository", "--absolute-git-dir"], asUser);
  const [bare, gitDir = ""] = places.split("\n");
  if (bare === "true") throw refused(branch, "a bare repository has no files to switch");
  const top = await gitText(["rev-parse", "--show-toplevel"], asUser);
  const under = UNDER_WAY.find(([name]) => existsSync(join(gitDir, name)));
  if (under !== undefined) throw refused(branch, `${under[1]} is under way here; finish or abort it first`);
  const here = { gitDir, workTree: top, userConfig: true };
  // Files get on the disk as the user's own git would put them there.
  const user: GitOptions = { ...here, config: ownEndings(await targetConfig(here)) };
  const names = mergedNames(top, await pathsOfTree(user, request.landed.commit));
  if (names !== undefined) throw namesMerge(names, `The branch ${branch} is there, but it was not checked out`);
  try {
    await git(["checkout", "--quiet", "--no-overwrite-ignore", branch, "--"], user);
  } catch (cause) {
    if (!isGlueError(cause, "gitFailed")) throw cause;
    if (await isAtStart(request, user, top)) return await moveFromStart(request, user, gitDir);
    throw refused(branch, "your uncommitted work would be overwritten; commit or stash it first", cause);
  }
}

const UNDER_WAY: readonly (readonly [file: string, what: string])[] = [
  ["rebase-merge", "a rebase"],
  ["rebase-apply", "a rebase or git am"],
  ["MERGE_HEAD", "a merge"],
  ["CHERRY_PICK_HEAD", "a cherry-pick"],
  ["REVERT_HEAD", "a revert"],
  ["BISECT_LOG", "a bisect"],
];

/**
 * Whether the tree is, byte for byte, what the session started from. Then everything on disk is in the base commit, which the branch
 * contains; and what is staged is on disk too.
 */
async function isAtStart(request: CheckOutRequest, user: GitOptions, top: string): Promise<boolean> {
  const { base, converted } = request.base;
  // Where content is converted, the repository never gets the base as it was on the disk, so there is nothing to go from.
  if (base === null || converted.length > 0) return false;
  const taken = await takeSnapshot({ top, subfolder: "", outsideGitDirs: [] }, { glueHome: request.home });
  await taken.leftOut;
  if (taken.snapshot.base.tree !== base.tree || taken.snapshot.head !== request.base.head) return false;
  const [staged, unstaged] = await Promise.all([
    git(["diff-index", "--cached", "--name-only", "-z", "HEAD"], user),
    git(["diff-files", "--name-only", "-z"], user),
  ]);
  const edited = new Set(splitNul(unstaged.stdout).map(pathText));
  return !splitNul(staged.stdout).some((path) => edited.has(pathText(path)));
}

/** Goes from the base to the branch with an index of its own, which takes the place of the user's only when all files are in place. */
async function moveFromStart(request: CheckOutRequest, user: GitOptions, gitDir: string): Promise<void> {
  const { branch, commit } = request.landed;
  const start = request.base.base?.commit ?? "";
  const index = join(gitDir, "glue-index");
  const own: GitOptions = { ...user, env: { GIT_INDEX_FILE: index } };
  try {
    await git(["read-tree", start], own);
    await git(["update-index", "--refresh", "-q"], { ...own, okExit: [0, 1] });
    await git(["read-tree", "-m", "-u", start, commit], own);
    renameSync(index, join(gitDir, "index"));
    await git(["symbolic-ref", "-m", `glue: checkout ${branch}`, "HEAD", `refs/heads/${branch}`], user);
  } catch (cause) {
    if (!isGlueError(cause, "gitFailed")) throw cause;
    throw refused(branch, cause.message, cause);
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
}

function refused(branch: string, why: string, cause?: unknown): GlueError {
  return new GlueError("landRefused", `The branch ${branch} is there, but it was not checked out: ${why}.`, {
    hint: `Later: git checkout ${branch}`,
    ...(cause === undefined ? {} : { cause }),
  });
}
