/**
 * Staging into a sandbox that an earlier session left: its repository stays as it is, HEAD is the new base, and what changed on the host since
 * then is brought in, so that the new session's patch is whole and nothing of the earlier one is in it twice.
 */
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { git } from "./git.ts";
import { EXACT_BYTES, GLUE_IDENTITY, SESSION_FILES, sandboxGitDir } from "./layout.ts";
import resumeScript from "./resume.sh" with { type: "text" };
import type { PreparedSnapshot, ReadyTree } from "./snapshot-prepare.ts";
import type { Snapshot } from "./snapshot-types.ts";
import type { Staged, StageRun } from "./stage.ts";
import { describeStaged } from "./stage-report.ts";
import { runScript, stageFailed } from "./stage-script.ts";
import { bundlePath, send } from "./stage-send.ts";
import { unstagedUnits } from "./stage-units.ts";
import { fetchBundle } from "./stage-without-host-git.ts";
import { fileSource } from "./transfer.ts";

/** How the host's tree and the sandbox's go together. */
type How = "keep" | "forward" | "merge";

/**
 * Takes over the repository in the workspace, which must be clean.
 * @throws GlueError `stageFailed` where both sides changed the same place, or the repository cannot be used.
 */
export async function resumeTree(run: StageRun, ready: ReadyTree, prepared: PreparedSnapshot): Promise<Staged> {
  const { snapshot } = ready.taken;
  const found = await runResume(run, snapshot, { GLUE_HOW: "look" });
  const head = found.need("head");
  const { how, note } = await choose(snapshot, run.options.update ?? true, {
    head,
    tree: found.need("tree"),
    old: found.said("old"),
    oldTree: found.said("oldtree"),
    origins: found.origins,
  });
  const bundle = bundlePath(run.target);
  const source = fileSource(ready.bundle.path, ready.bundle.size);
  const bytesSent = how === "keep" ? 0 : await send(run, source, bundle, "uploading what changed on the host");
  const out = `${run.target.paths.private}/glue-base.bundle`;
  const made = await runResume(run, snapshot, {
    GLUE_HOW: how,
    GLUE_HEAD: head,
    GLUE_OLD: found.said("old") ?? "",
    GLUE_NEW: snapshot.base?.commit ?? "",
    GLUE_HOST:
      how === "keep"
        ? snapshot.base?.tree === found.said("tree")
          ? head
          : (found.said("old") ?? "")
        : (snapshot.base?.commit ?? ""),
    GLUE_BUNDLE: bundle,
    GLUE_OUT: out,
  });
  const commit = made.need("base");
  const parent = how === "merge" ? head : how === "forward" ? (snapshot.base?.parent ?? null) : null;
  const base = {
    commit,
    tree: made.need("tree"),
    parent,
    objectFormat: snapshot.base?.objectFormat ?? ("sha1" as const),
  };
  const bundleSize = Number(made.need("size"));
  // The one of the host's tree was made while the sandbox was opened; this session starts from another.
  const file = join(prepared.options.sessionDir, SESSION_FILES.baseBundle);
  await fetchBundle(run, { base, bundleSize, bundleSha256: made.said("sha256")?.slice(0, 64) }, out, file);
  const inner = unstagedUnits(run, ready.units, "the sandbox has its own");
  return describeStaged(run, {
    // The host's cache does not hold this base.
    snapshot: { ...snapshot, gitDir: null, units: inner.units, included: [] },
    unitNotes: [],
    base,
    leftOut: ready.leftOut,
    hostGit: ready.git,
    bundleSize,
    strategy: "resume",
    bytesSent,
    warnings: [note, ...notResumed(snapshot)],
  });
}

interface Found {
  readonly head: string;
  readonly tree: string;
  /** What the host had when the earlier session began, where that is known. */
  readonly old: string | undefined;
  readonly oldTree: string | undefined;
  /** Commits one of which the repository that the sandbox's came from has; undefined where that cannot be told by commits. */
  readonly origins: readonly string[] | undefined;
}

async function choose(snapshot: Snapshot, update: boolean, found: Found): Promise<{ how: How; note: string }> {
  const short = found.head.slice(0, 12);
  const tree = snapshot.base?.tree;
  if (tree === found.tree || tree === found.oldTree) {
    return { how: "keep", note: `Resumed at ${short}; nothing changed here since the earlier session.` };
  }
  if (!update)
    return {
      how: "keep",
      note: `Resumed at ${short} as it is: what changed here since was not brought in, as asked for.`,
    };
  if (await descends(snapshot, found.head))
    return { how: "forward", note: `Resumed at ${short} and brought to the tree as it is here.` };
  if (found.old === undefined) {
    return {
      how: "keep",
      note: `Resumed at ${short} as it is: what it has in common with the tree here is not known, so nothing was brought in.`,
    };
  }
  if (await isForeign(snapshot, found.origins)) {
    throw new GlueError(
      "stageFailed",
      "The sandbox holds the tree of another repository: none of the commits that it came from is in this one.",
      {
        hint: "Use another sandbox for this repository, or delete that one. --no-update takes it over as it is.",
      },
    );
  }
  return {
    how: "merge",
    note: `Resumed at ${short}, with what changed here since the earlier session as one commit on top.`,
  };
}

/** Whether the user's HEAD stands on this commit, as it does once the earlier session's change was landed and merged. */
async function descends({ userGitDir, head }: Snapshot, commit: string): Promise<boolean> {
  if (userGitDir === null || head === null) return false;
  // 128: the commit is not here at all.
  const asked = await git(["merge-base", "--is-ancestor", commit, head], { gitDir: userGitDir, okExit: [0, 1, 128] });
  return asked.exitCode === 0;
}

/** Whether the sandbox's repository came from another than the user's: merging their trees would mix two projects. */
async function isForeign({ userGitDir }: Snapshot, origins: readonly string[] | undefined): Promise<boolean> {
  if (origins === undefined) return false;
  if (userGitDir === null) return true;
  const stdin = origins.map((id) => `${id}\n`).join("");
  const { stdout } = await git(["cat-file", "--batch-check=%(objecttype)"], { gitDir: userGitDir, stdin });
  return !new TextDecoder().decode(stdout).split("\n").includes("commit");
}

function notResumed({ units, included }: Snapshot): string[] {
  const notes: string[] = [];
  if (units.length > 0)
    notes.push(
      `Repositories inside the tree stay as they are in the sandbox, and what is changed in them there is not captured: ${units.map(({ path }) => path).join(", ")}.`,
    );
  if (included.length > 0) notes.push("Files that .worktreeinclude names stay as they are in the sandbox.");
  return notes;
}

async function runResume({ target, options }: StageRun, snapshot: Snapshot, env: Readonly<Record<string, string>>) {
  const { stdout, stderr, result } = await runScript(target, resumeScript, {
    cwd: "/",
    env: {
      GLUE_TREE: target.paths.workspace,
      GLUE_GIT: sandboxGitDir(target.paths.private),
      GLUE_SHA256: snapshot.base?.objectFormat === "sha256" ? "1" : "0",
      GLUE_NAME: GLUE_IDENTITY.name,
      GLUE_EMAIL: GLUE_IDENTITY.email,
      GLUE_ATTRIBUTES: EXACT_BYTES,
      ...env,
    },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const lines = stdout.split("\n");
  const said = (key: string) => lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
  const failure = said("fail");
  if (failure?.startsWith("conflict")) {
    throw new GlueError(
      "stageFailed",
      `What changed here since the earlier session conflicts with the commits in the sandbox: ${failure.slice("conflict ".length).trim()}`,
      {
        hint: "Land and merge the earlier session's change here first (glue session apply), or delete the sandbox.",
      },
    );
  }
  if (result.exitCode !== 0 || !lines.includes("end")) {
    throw stageFailed(
      failure === undefined
        ? "The earlier session's tree cannot be taken over"
        : `In the sandbox, ${failure.replace(/^\S+ /, "")}`,
      result,
      stderr,
    );
  }
  const need = (key: string): string => {
    const value = said(key);
    if (value === undefined) throw stageFailed(`The sandbox did not say its ${key}`, result, stderr);
    return value;
  };
  const origins = lines.includes("anyones")
    ? undefined
    : lines.filter((line) => line.startsWith("known ")).map((line) => line.slice("known ".length));
  return { said, need, origins };
}
