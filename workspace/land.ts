/** Puts a captured change into a repository as a branch: exactly, or not at all. */
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve as resolvePath } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import {
  BORDER,
  type ChangeStore,
  healChangeStore,
  openChangeStore,
  type StorePlace,
  treeOf,
} from "./capture-store.ts";
import { type GitOptions, git, gitStream, gitText } from "./git.ts";
import { refuseConverted } from "./land-converted.ts";
import { onBase } from "./land-rewrite.ts";
import { REFS } from "./layout.ts";
import { commitsSince } from "./mbox.ts";
import { quotedFolder } from "./object-folder.ts";

export interface LandRequest extends StorePlace {
  readonly sessionId: string;
  /** A folder of the repository to land in, absolute. */
  readonly target: string;
  /** Without `refs/heads/`; `glue/<id>` where it is left out. */
  readonly branch?: string;
}

export interface Landed {
  readonly branch: string;
  readonly commit: string;
  /** The tree of the branch, which is the tree of the sandbox. */
  readonly tree: string;
  /** False where commits had to be given new parents: their history did not stand on the session's start. */
  readonly idsKept: boolean;
  /** Commits on top of what the session started from. */
  readonly commits: number;
  /** True where the branch was there already and is the very same. */
  readonly already: boolean;
  /** The git directory landed in, absolute. */
  readonly gitDir: string;
  /** Branches and tags that were made inside and stay in the session's bundle, full names. */
  readonly leftInBundle: readonly string[];
}

/**
 * Makes the branch and touches nothing else. Killed at any moment, it leaves at most objects that nothing names, which git's own
 * housekeeping removes. `nothingToLand`, `branchExists`, `landRefused`, `gitFailed`.
 */
export async function land(request: LandRequest): Promise<Landed> {
  const target = await findTarget(request);
  const branch = request.branch ?? `glue/${request.sessionId}`;
  await checkBranchName(branch, target);
  try {
    return await landFrom(await openChangeStore(request), request, target, branch);
  } catch (error) {
    // The store borrows from folders that may have been cleaned up since; the session's own bundles do not.
    if (!isGlueError(error, "gitFailed")) throw error;
    return await landFrom(await healChangeStore(request, { keepChange: true }), request, target, branch);
  }
}

async function landFrom(store: ChangeStore, request: LandRequest, target: GitOptions, branch: string): Promise<Landed> {
  const captured = store.bundle?.refs.find((ref) => ref.name === REFS.captured)?.id;
  if (captured === undefined) throw nothing(request.sessionId);
  await checkFormat(store, target);
  await refuseConverted(store, captured, request, target);
  const [commits, tree] = await Promise.all([commitsSince(store, captured), treeOf(store.options, captured)]);
  const commit = await onBase(store, captured, commits);
  const landed = {
    branch,
    commit,
    tree,
    idsKept: commit === captured,
    commits: commits.length,
    gitDir: target.gitDir ?? "",
    leftInBundle: await otherRefs(store, captured),
  };
  const there = await resolve(target, `refs/heads/${branch}`);
  if (there === commit) return { ...landed, already: true };
  if (there !== undefined) throw exists(branch, there, request.sessionId);
  await bringObjects(store, commit, target);
  const arrived = await treeOf(target, commit);
  if (arrived !== tree) throw new GlueError("gitFailed", `The tree that arrived is ${arrived}, not ${tree}.`);
  await makeBranch(target, branch, commit, request.sessionId);
  return { ...landed, already: false };
}

/** The repository around the target folder, with the user's own settings (who owns it, what it ignores). */
async function findTarget(request: LandRequest): Promise<GitOptions> {
  const asUser: GitOptions = { cwd: request.target, userConfig: true };
  try {
    return { gitDir: await gitText(["rev-parse", "--absolute-git-dir"], asUser), userConfig: true };
  } catch (cause) {
    if (!isGlueError(cause, "gitFailed")) throw cause;
    if (!cause.message.includes("not a git repository")) throw cause;
    throw new GlueError(
      "landRefused",
      `${request.target} is not a git repository, so there is nothing to make a branch in.`,
      {
        hint: [
          "Land in a repository with --target DIR, or take the patch along:",
          `  glue session export ${request.sessionId} --to change.patch && git apply change.patch`,
        ].join("\n"),
        cause,
      },
    );
  }
}

async function checkBranchName(branch: string, target: GitOptions): Promise<void> {
  const checked = await git(["check-ref-format", `refs/heads/${branch}`], { ...target, okExit: [0, 1] });
  if (checked.exitCode === 0 && !branch.startsWith("-")) return;
  throw new GlueError("usage", `"${branch}" cannot be the name of a branch.`);
}

async function checkFormat(store: ChangeStore, target: GitOptions): Promise<void> {
  const format = await gitText(["rev-parse", "--show-object-format"], target);
  if (format === store.base.objectFormat) return;
  throw new GlueError(
    "landRefused",
    `The session's repository names objects by ${store.base.objectFormat}, this one by ${format}: commits cannot keep their ids.`,
    { hint: "Land in the repository that the session came from, or export the patch." },
  );
}

async function resolve(options: GitOptions, revision: string): Promise<string | undefined> {
  const found = await git(["rev-parse", "--verify", "--quiet", revision], { ...options, okExit: [0, 1] });
  const id = new TextDecoder().decode(found.stdout).trim();
  return id === "" ? undefined : id;
}

/**
 * Copies what the target lacks into its own object store; nothing is borrowed, so nothing can vanish under it. It is proven whole and
 * sound outside of it first, so that a refusal leaves no trace there.
 */
async function bringObjects(store: ChangeStore, commit: string, target: GitOptions): Promise<void> {
  if (await isJoined(target, commit)) return;
  const known = await knownStart(store, target);
  const quarantine = join(store.gitDir, `quarantine-${Bun.randomUUIDv7()}`);
  mkdirSync(join(quarantine, "pack"), { recursive: true });
  try {
    const objects = await objectFolder(target);
    const pack = gitStream(["pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q"], {
      ...target,
      env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: quotedFolder(join(store.gitDir, "objects")) },
      stdin: `${[commit, ...known.map((id) => `^${id}`)].join("\n")}\n`,
    });
    const aside = { GIT_OBJECT_DIRECTORY: quarantine, GIT_ALTERNATE_OBJECT_DIRECTORIES: quotedFolder(objects) };
    const apart: GitOptions = { ...target, env: aside };
    const indexing = git(["index-pack", "--stdin", "--fix-thin", "--strict"], { ...apart, stdin: pack.stdout });
    const [indexed] = await Promise.allSettled([indexing, pack.done]);
    await pack.done;
    if (indexed.status === "rejected") throw refusedObjects(indexed.reason);
    if (!(await isJoined(apart, commit))) {
      throw new GlueError(
        "landRefused",
        "The history of the change is not whole: it was fetched shallow inside the sandbox.",
        {
          hint: "Fetch the missing history here first, or export the patch.",
        },
      );
    }
    const id = new TextDecoder().decode(indexed.value.stdout).trim().split(/\s+/).at(-1);
    // git itself puts it there: it knows how this repository wants its files.
    await git(["index-pack", "--stdin"], { ...target, stdin: Bun.file(join(quarantine, "pack", `pack-${id}.pack`)) });
  } finally {
    rmSync(quarantine, { recursive: true, force: true });
  }
}

/** Where the target keeps its objects, absolute. */
async function objectFolder(target: GitOptions): Promise<string> {
  return resolvePath(target.gitDir ?? "", await gitText(["rev-parse", "--git-path", "objects"], target));
}

/** Whether the commit and everything that it reaches is in the target, down to what its refs keep already. */
async function isJoined(target: GitOptions, commit: string): Promise<boolean> {
  const args = ["rev-list", "--objects", "--quiet", commit, "--not", "--all"];
  return (await git(args, { ...target, okExit: [0, 128] })).exitCode === 0;
}

/**
 * The commits that both sides have: the base, or else the commit under it. Without either, the history of the branch would have a
 * hole, and the target would have to become a shallow repository. A ref need not lead to them (after an amend none does): the branch
 * will.
 */
async function knownStart(store: ChangeStore, target: GitOptions): Promise<string[]> {
  const { base } = store;
  if (await isJoined(target, base.commit)) return [base.commit];
  const raw = await gitText(["cat-file", "commit", base.commit], store.options);
  const parents = [...raw.slice(0, raw.indexOf("\n\n")).matchAll(/^parent (\S+)$/gm)].map(([, id = ""]) => id);
  for (const parent of parents) {
    if (await isJoined(target, parent)) continue;
    throw new GlueError(
      "landRefused",
      `This repository does not have commit ${parent}, which the session started from.`,
      {
        hint: "Fetch it here first, or land in the repository that the session came from, or export the patch.",
      },
    );
  }
  return parents;
}

function refusedObjects(cause: unknown): unknown {
  if (!isGlueError(cause, "gitFailed")) return cause;
  return new GlueError("landRefused", `git does not let these objects in: ${cause.message}`, {
    hint: "They were made inside with something that git fsck rejects. glue session export saves the change as a patch.",
    cause,
  });
}

async function makeBranch(target: GitOptions, branch: string, commit: string, id: string): Promise<void> {
  const nobody = "0".repeat(commit.length);
  try {
    await git(["update-ref", "-m", `glue: session ${id}`, `refs/heads/${branch}`, commit, nobody], target);
  } catch (cause) {
    if (!isGlueError(cause, "gitFailed")) throw cause;
    if (!/cannot lock ref|exists/.test(cause.message)) throw cause;
    throw new GlueError("branchExists", `The branch ${branch} cannot be made: ${cause.message}`, {
      hint: `Give another name: glue session apply ${id} --branch NAME`,
      cause,
    });
  }
}

function nothing(id: string): GlueError {
  return new GlueError("nothingToLand", `Session ${id} holds no change.`);
}

function exists(branch: string, there: string, id: string): GlueError {
  return new GlueError(
    "branchExists",
    `The branch ${branch} exists already and holds something else (${there.slice(0, 12)}).`,
    {
      hint: `Give another name: glue session apply ${id} --branch NAME`,
    },
  );
}

/** What the landed commit does not lead to. An annotated tag is an object of its own. */
async function otherRefs(store: ChangeStore, captured: string): Promise<string[]> {
  const refs = (store.bundle?.refs ?? []).filter(({ id, name }) => id !== captured && !name.startsWith(BORDER));
  const ids = refs.map(({ id }) => `${id}\n`).join("");
  const inside = `^${captured}\n^${store.base.commit}\n`;
  const listed = await gitText(["rev-list", "--no-walk", "--stdin"], { ...store.options, stdin: ids + inside });
  const outside = new Set(listed.split("\n"));
  return refs.filter(({ id, name }) => outside.has(id) || name.startsWith("refs/tags/")).map(({ name }) => name);
}
