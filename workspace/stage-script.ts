/** Scripts that staging runs in a sandbox: how they are started, and how their answers are read. */
import type { CommandExecutor, CommandResult, RunOptions, SandboxPaths, Workspace } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { concat } from "./bytes.ts";
import { ignorePattern } from "./capture-script.ts";
import { EXACT_BYTES, GLUE_IDENTITY, pathBytes, sandboxGitDir } from "./layout.ts";
import type { BaseCommit } from "./snapshot-types.ts";
import stageScript from "./stage.sh" with { type: "text" };

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

/** What `unpackBase` puts in place. */
export interface Unpacking {
  readonly base: BaseCommit;
  readonly headRef: string | null;
  readonly includeCommit: string | null;
  readonly included: readonly string[];
  readonly ignoreRules: string;
  /** The bundle in the sandbox, removed afterwards; null where the objects are in glue's git directory already. */
  readonly bundle: string | null;
}

/**
 * Makes glue's git directory and the workspace out of what was sent, and proves that the workspace is the base.
 * @throws GlueError `stageFailed`.
 */
export async function unpackBase(target: StageTarget, unpacking: Unpacking, signal?: AbortSignal): Promise<void> {
  const { base } = unpacking;
  const { stdout, stderr, result } = await runScript(target, stageScript, {
    cwd: "/",
    env: {
      GLUE_TREE: target.paths.workspace,
      GLUE_GIT: sandboxGitDir(target.paths.private),
      GLUE_BUNDLE: unpacking.bundle ?? "",
      GLUE_BASE: base.commit,
      GLUE_TIP: unpacking.headRef ?? "",
      GLUE_INCLUDE: unpacking.includeCommit ?? "",
      GLUE_SHA256: base.objectFormat === "sha256" ? "1" : "0",
      GLUE_NAME: GLUE_IDENTITY.name,
      GLUE_EMAIL: GLUE_IDENTITY.email,
      GLUE_ATTRIBUTES: EXACT_BYTES,
    },
    stdin: excludeFile(unpacking),
    ...(signal === undefined ? {} : { signal }),
  });
  const lines = stdout.split("\n");
  if (result.exitCode !== 0 || !lines.includes("end")) {
    const why = lines.find((line) => line.startsWith("fail "))?.replace(/^fail \S+ /, "");
    throw stageFailed(why === undefined ? "git failed in the sandbox" : `In the sandbox, ${why}`, result, stderr);
  }
  if (!lines.includes(`tree ${base.tree}`))
    throw stageFailed("The tree in the sandbox is not the one sent", result, stderr);
  const left = lines.filter((line) => line.startsWith("left ")).map((line) => line.slice("left ".length));
  if (left.length > 0) {
    throw new GlueError(
      "stageFailed",
      `The workspace ${target.paths.workspace} is not what was sent; git status there says:\n${left.slice(0, 20).join("\n")}`,
      {
        hint: "The image has files of its own in that folder. Use an image without them, or ignore them in your tree.",
      },
    );
  }
}

/** The host's rules that do not travel in the tree, and a rule for every opted-in file, so that none is taken for new. */
function excludeFile({ ignoreRules, included }: Unpacking): Uint8Array {
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
