/** Scripts that staging runs in a sandbox: how they are started, and how their answers are read. */
import type { CommandExecutor, CommandResult, RunOptions, SandboxPaths, Workspace } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { concat } from "./bytes.ts";
import { ignorePattern } from "./capture-script.ts";
import { EXACT_BYTES, GLUE_IDENTITY, pathBytes, STILL_FORMAT, sandboxGitDir, UNCOMMITTED_WORK } from "./layout.ts";
import type { BaseCommit, ObjectFormat } from "./snapshot-types.ts";
import beginning from "./stage-begin.sh" with { type: "text" };
import fromBundle from "./stage-bundle.sh" with { type: "text" };
import fromFiles from "./stage-files.sh" with { type: "text" };
import repository from "./stage-repository.sh" with { type: "text" };

/** What staging needs of a sandbox; a `RuntimeSession` is one. */
export interface StageTarget {
  readonly executor: CommandExecutor;
  readonly workspace: Workspace;
  readonly paths: SandboxPaths;
}

export interface ScriptAnswer {
  readonly result: CommandResult;
  /** UTF-8, whole. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script to its end. `cancelled` after an abort; errors of the executor pass through. */
export async function runScript(target: StageTarget, script: string, options: RunOptions): Promise<ScriptAnswer> {
  const running = await target.executor.run({ script, shell: "sh" }, options);
  const [stdout, stderr, result] = await Promise.all([
    new Response(running.stdout).text(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  if (result.outcome === "cancelled") throw new GlueError("cancelled", "Staging was interrupted.");
  return { result, stdout, stderr };
}

/** What a sandbox has that staging can use. */
export interface SandboxTools {
  /** The git version inside, for instance `2.39.5`; undefined where there is none. */
  readonly git: string | undefined;
  readonly sha256sum: boolean;
  /** Whether the workspace holds a repository already. */
  readonly repository: boolean;
}

const PROBE = `
if command -v git >/dev/null 2>&1 && glue_git=$(git version 2>/dev/null); then echo "git $glue_git"; fi
if command -v sha256sum >/dev/null 2>&1; then echo sha256sum; fi
if [ -e "$GLUE_TREE/.git" ]; then echo repository; fi
echo end`;

/** Asks what is there; needs nothing but a shell. */
export async function probeSandbox(target: StageTarget, signal?: AbortSignal): Promise<SandboxTools> {
  const { stdout, stderr, result } = await runScript(target, PROBE, {
    cwd: "/",
    env: { GLUE_TREE: target.paths.workspace },
    ...(signal === undefined ? {} : { signal }),
  });
  const lines = stdout.split("\n");
  if (!lines.includes("end")) throw stageFailed("The sandbox did not answer", result, stderr);
  return {
    git: lines.find((line) => line.startsWith("git "))?.match(/\d+(\.\d+)+/)?.[0],
    sha256sum: lines.includes("sha256sum"),
    repository: lines.includes("repository"),
  };
}

/** What of a snapshot the workspace's repository is made with. */
export interface RepositoryFacts {
  readonly headRef: string | null;
  readonly included: readonly string[];
  readonly ignoreRules: string;
}

export interface Unpacking extends RepositoryFacts {
  readonly base: BaseCommit;
  readonly includeCommit: string | null;
  /** The bundle in the sandbox, removed afterwards; null where the objects are in glue's git directory already. */
  readonly bundle: string | null;
  /** Where the index of the bundle's pack was sent along, as the file `bundle` with `.idx` behind. */
  readonly packIndex?: { readonly name: string; readonly packAt: number };
}

/**
 * Makes glue's git directory and the workspace out of what was sent, and proves that the workspace is the base.
 * @throws GlueError `stageFailed`.
 */
export async function unpackBase(target: StageTarget, unpacking: Unpacking, signal?: AbortSignal): Promise<void> {
  if ((await unpackWith(target, unpacking, {}, signal)) === undefined)
    throw new GlueError("internal", "Staging gave up without being asked whether it can.");
}

/**
 * The same in a sandbox of which nothing is known. Returns the version of its git; undefined, and nothing was done, where it has none of at least
 * 2.`minor`, or a repository in the workspace.
 */
export async function unpackUnseen(
  target: StageTarget,
  unpacking: Unpacking,
  minor: number,
  signal?: AbortSignal,
): Promise<string | undefined> {
  return (await unpackWith(target, unpacking, { GLUE_NEEDS: String(minor) }, signal))?.said("git");
}

async function unpackWith(
  target: StageTarget,
  unpacking: Unpacking,
  more: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<StagingRan | undefined> {
  const { base } = unpacking;
  const env = {
    GLUE_BUNDLE: unpacking.bundle ?? "",
    GLUE_PACK: unpacking.packIndex?.name ?? "",
    GLUE_PACK_AT: String((unpacking.packIndex?.packAt ?? 0) + 1),
    GLUE_BASE: base.commit,
    GLUE_INCLUDE: unpacking.includeCommit ?? "",
    ...more,
  };
  const ran = await runStaging(target, { ...unpacking, ...base, middle: fromBundle, env }, signal);
  if (ran.unable) return undefined;
  if (ran.said("tree") !== base.tree) throw ran.failed("The tree in the sandbox is not the one sent");
  return ran;
}

export interface BaseMaking extends RepositoryFacts {
  readonly objectFormat: ObjectFormat;
  readonly head: string | null;
  /** The file in the sandbox with the paths that belong to the base, each ended by NUL. */
  readonly list: string;
  /** Where the bundle of the base is written to, in the sandbox. */
  readonly out: string;
}

/** A base that the sandbox's git made, and its bundle there. */
export interface MadeBase {
  readonly base: BaseCommit;
  /** In bytes. */
  readonly bundleSize: number;
  /** Undefined where the sandbox cannot tell. */
  readonly bundleSha256: string | undefined;
}

/** Makes the base out of files that are in the workspace already. `stageFailed` as with `unpackBase`. */
export async function makeBaseInside(target: StageTarget, making: BaseMaking, signal?: AbortSignal): Promise<MadeBase> {
  const env = {
    GLUE_LIST: making.list,
    GLUE_HEAD: making.head ?? "",
    GLUE_OUT: making.out,
    GLUE_MESSAGE: UNCOMMITTED_WORK,
  };
  const ran = await runStaging(target, { ...making, middle: fromFiles, env }, signal);
  const commit = ran.said("base");
  const tree = ran.said("tree");
  const bundleSize = Number(ran.said("size"));
  if (commit === undefined || tree === undefined || !(bundleSize > 0)) throw ran.failed("The sandbox made no base");
  const parent = commit === making.head ? null : making.head;
  const base = { commit, tree, parent, objectFormat: making.objectFormat };
  return { base, bundleSize, bundleSha256: ran.said("sha256")?.slice(0, 64) };
}

interface Staging extends RepositoryFacts {
  readonly objectFormat: ObjectFormat;
  /** The part of the script between the common ones. */
  readonly middle: string;
  readonly env: Readonly<Record<string, string>>;
}

interface StagingRan {
  /** It found out that it cannot, and has done nothing. */
  readonly unable: boolean;
  /** What the script said about something; undefined where it did not. */
  said(key: string): string | undefined;
  failed(what: string): GlueError;
}

async function runStaging(target: StageTarget, staging: Staging, signal?: AbortSignal): Promise<StagingRan> {
  const { stdout, stderr, result } = await runScript(target, `${beginning}\n${staging.middle}\n${repository}`, {
    cwd: "/",
    env: {
      GLUE_TREE: target.paths.workspace,
      GLUE_GIT: sandboxGitDir(target.paths.private),
      GLUE_TIP: staging.headRef ?? "",
      GLUE_SHA256: staging.objectFormat === "sha256" ? "1" : "0",
      GLUE_NAME: GLUE_IDENTITY.name,
      GLUE_EMAIL: GLUE_IDENTITY.email,
      GLUE_ATTRIBUTES: EXACT_BYTES,
      GLUE_STILL: STILL_FORMAT,
      ...staging.env,
    },
    stdin: excludeFile(staging),
    stdinOnce: true,
    ...(signal === undefined ? {} : { signal }),
  });
  const lines = stdout.split("\n");
  const all = (key: string): string[] =>
    lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const failed = (what: string): GlueError => stageFailed(what, result, stderr);
  const said = (key: string) => all(key)[0];
  if (said("fail")?.startsWith("unable ")) return { unable: true, said, failed };
  if (result.exitCode !== 0 || !lines.includes("end")) {
    const why = all("fail")[0]?.replace(/^\S+ /, "");
    throw failed(why === undefined ? "git failed in the sandbox" : `In the sandbox, ${why}`);
  }
  const left = all("left");
  if (left.length > 0) {
    throw new GlueError(
      "stageFailed",
      `The workspace ${target.paths.workspace} is not what was sent; git status there says:\n${left.slice(0, 20).join("\n")}`,
      {
        hint: "The image has files of its own in that folder. Use an image without them, or ignore them in your tree.",
      },
    );
  }
  return { unable: false, said, failed };
}

/** The host's rules that do not travel in the tree, and a rule for every opted-in file, so that none is taken for new. */
function excludeFile({ ignoreRules, included }: RepositoryFacts): Uint8Array {
  const newline = new Uint8Array([0x0a]);
  const rules = included.flatMap((path) => [ignorePattern(pathBytes(path)), newline]);
  return concat([new TextEncoder().encode(ignoreRules), newline, ...rules]);
}

/** The error for a script that did not do its work; its own words are in the message. */
export function stageFailed(what: string, result: CommandResult, stderr: string): GlueError {
  const words = stderr.trim();
  const ended = result.exitCode === 0 ? "" : ` (exit code ${result.exitCode})`;
  return new GlueError("stageFailed", `${what}${ended}${words === "" ? "." : `: ${words}`}`);
}
