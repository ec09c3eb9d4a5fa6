/** Puts a captured change into a repository as a branch: exactly, or not at all. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import {
  BORDER,
  type ChangeStore,
  healChangeStore,
  openChangeStore,
  type StorePlace,
  treeOf,
} from "./capture-store.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import type { Rewritten } from "./land-commit.ts";
import { bringObjects, knownStart } from "./land-objects.ts";
import { type RewriteReason, rewriteForTarget } from "./land-rewrite.ts";
import { REFS } from "./layout.ts";
import { commitsSince } from "./mbox.ts";

export interface LandRequest extends StorePlace {
  readonly sessionId: string;
  /** A folder of the repository to land in, absolute. */
  readonly target: string;
  /** Without `refs/heads/`; `glue/<id>` where it is left out. */
  readonly branch?: string;
  /** Commits of repositories inside this one that landed under another id than they had in the sandbox. */
  readonly gitlinks?: ReadonlyMap<string, string>;
  /** Only finds out whether it would land; nothing is written to the target. */
  readonly check?: boolean;
  /** Where nothing was captured, lands what the session started from. */
  readonly orBase?: boolean;
}

export interface Landed {
  readonly branch: string;
  readonly commit: string;
  /** The tree of the branch: the sandbox's, but for what is `converted`. */
  readonly tree: string;
  /** False where commits had to be written anew. */
  readonly idsKept: boolean;
  /** Why they had to; empty where ids are kept. */
  readonly why: readonly RewriteReason[];
  /** Which they are, and under which ids they landed. */
  readonly rewritten: readonly Rewritten[];
  /** Paths that the repository holds in another form than the disk: filtered, with other line endings, in another encoding. */
  readonly converted: readonly string[];
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
  const prepared = await prepareLanding(request);
  await prepared.finish();
  return prepared.landed;
}

/** A landing of which all that can be refused has been: only the branch is not made yet. */
export interface PreparedLanding {
  readonly landed: Landed;
  /** Makes the branch, where it is not there already. `branchExists` where another was made meanwhile. */
  finish(): Promise<void>;
}

/** Does all of a landing but for the branch itself. Errors as `land`. */
export async function prepareLanding(request: LandRequest): Promise<PreparedLanding> {
  const target = await findTarget(request);
  const branch = request.branch ?? `glue/${request.sessionId}`;
  await checkBranchName(branch, target);
  try {
    return await prepareFrom(await openChangeStore(request), request, target, branch);
  } catch (error) {
    // The store borrows from folders that may have been cleaned up since; the session's own bundles do not.
    if (!isGlueError(error, "gitFailed")) throw error;
    return await prepareFrom(await healChangeStore(request, { keepChange: true }), request, target, branch);
  }
}

async function prepareFrom(
  store: ChangeStore,
  request: LandRequest,
  target: GitOptions,
  branch: string,
): Promise<PreparedLanding> {
  const nothingNew = store.bundle === undefined && request.orBase ? store.base.commit : undefined;
  const captured = store.bundle?.refs.find((ref) => ref.name === REFS.captured)?.id ?? nothingNew;
  if (captured === undefined) throw nothing(request.sessionId);
  await checkFormat(store, target);
  const known = await knownStart(store, target);
  const commits = await commitsSince(store, captured, known);
  const scratch = openScratch(store);
  try {
    const { base, gitlinks = new Map<string, string>() } = request;
    const toLand = await rewriteForTarget({ store, base, target, known, head: captured, commits, gitlinks, scratch });
    const { commit, tree, why, rewritten, converted, from } = toLand;
    const there = await resolve(target, `refs/heads/${branch}`);
    if (there !== undefined && there !== commit) throw exists(branch, there, request.sessionId);
    const { check = false } = request;
    if (there === undefined) await bringObjects(target, { commit, known, from, scratch: store.gitDir, check });
    if (!check) await proveArrival(target, commit, tree);
    const landed: Landed = {
      branch,
      commit,
      tree,
      idsKept: rewritten.length === 0,
      why,
      rewritten,
      converted,
      commits: commits.length,
      already: there !== undefined,
      gitDir: target.gitDir ?? "",
      leftInBundle: await otherRefs(store, captured),
    };
    const finish = async () => {
      if (!landed.already && !check) await makeBranch(target, branch, commit, request.sessionId);
    };
    return { landed, finish };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function proveArrival(target: GitOptions, commit: string, tree: string): Promise<void> {
  const arrived = await treeOf(target, commit);
  if (arrived !== tree) throw new GlueError("gitFailed", `The tree that arrived is ${arrived}, not ${tree}.`);
}

/** A folder for this landing alone. What a killed one left goes: it may hold content that is kept nowhere else in the clear. */
function openScratch(store: ChangeStore): string {
  for (const name of readdirSync(store.gitDir))
    if (name.startsWith(SCRATCH)) rmSync(join(store.gitDir, name), { recursive: true, force: true });
  const scratch = join(store.gitDir, `${SCRATCH}${Bun.randomUUIDv7()}`);
  mkdirSync(scratch, { mode: 0o700 });
  return scratch;
}

const SCRATCH = "landing-";

/** The repository around the target folder, with the user's own settings (who owns it, what it ignores). */
async function findTarget(request: LandRequest): Promise<GitOptions> {
  const asUser: GitOptions = { cwd: request.target, userConfig: true };
  try {
    return { gitDir: await gitText(["rev-parse", "--absolute-git-dir"], asUser), userConfig: true };
  } catch (cause) {
    if (!isGlueError(cause, "gitFailed")) throw cause;
    if (/dubious ownership|safe\.directory/.test(cause.message)) throw notTrusted(request.target, cause);
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

/** git obeys no repository of somebody else unless it is told to: its configuration could run programs. */
function notTrusted(target: string, cause: GlueError): GlueError {
  return new GlueError(
    "landRefused",
    `The repository at ${target} belongs to another user, so git does not trust it.`,
    {
      hint: `If you do: git config --global --add safe.directory ${target}`,
      cause,
    },
  );
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
