/**
 * Staging by a clone inside the sandbox: the newest commit that the remote is known to have comes from there, without credentials of
 * the host, and a thin bundle brings what the remote lacks. For trees too large to be sent whole.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { BundleFile } from "./bundle.ts";
import { writeBundle } from "./bundle-file.ts";
import { shallowAt } from "./bundle-objects.ts";
import { bundleHead } from "./capture-bundle.ts";
import cloneScript from "./clone.sh" with { type: "text" };
import { type GitOptions, gitStream, gitText } from "./git.ts";
import { REFS, sandboxGitDir } from "./layout.ts";
import type { TakenSnapshot } from "./snapshot.ts";
import { chooseRemote, userGit } from "./snapshot-repository.ts";
import { scratchPath } from "./snapshot-store.ts";
import type { ObjectFormat } from "./snapshot-types.ts";
import { classifyCloneFailure } from "./stage-clone-failure.ts";
import { runScript, type StageTarget } from "./stage-script.ts";

/** What a sandbox can clone. */
export interface ClonePlan {
  /** `https:` (or `http:`), without credentials. */
  readonly url: string;
  /** A commit that the remote had when the host fetched last. */
  readonly commit: string;
}

/** How to clone the snapshot's repository, or in a sentence why that cannot work. */
export async function planClone({ snapshot, repository }: TakenSnapshot): Promise<ClonePlan | string> {
  if (repository === undefined || snapshot.userGitDir === null) return "the folder is not a git repository";
  const remote = chooseRemote(repository.config, repository.headRef);
  if (remote === undefined) return "the repository has no remote";
  const url = cloneUrl(remote.url);
  if (url === undefined) return `a sandbox cannot reach the remote ${remote.url}`;
  if (snapshot.head === null) return "nothing is committed yet";
  const options = userGit(snapshot.top, snapshot.userGitDir, repository.options.hostEnv);
  const args = ["rev-list", "--boundary", snapshot.head, "--not", `--remotes=${remote.name}`];
  const lines = (await gitText(args, options)).split("\n");
  if (lines[0] === "") return { url, commit: snapshot.head };
  const boundary = lines.find((line) => line.startsWith("-"));
  return boundary === undefined ? "none of the commits was ever pushed" : { url, commit: boundary.slice(1) };
}

/** The address that works without a key: https for what is reached by ssh or git; undefined for a path of this machine. */
export function cloneUrl(url: string): string | undefined {
  const scp = /^(?:[^/@:]+@)?([^/:]{2,}):(?!\/\/)(.+)$/.exec(url);
  if (scp !== null && !/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return `https://${scp[1]}/${scp[2]?.replace(/^\/+/, "")}`;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined) return undefined;
  if (parsed.protocol === "https:" || parsed.protocol === "http:") {
    parsed.username = "";
    parsed.password = "";
    return parsed.href;
  }
  if (/^(git\+)?ssh:$|^git:$/.test(parsed.protocol) && parsed.hostname !== "") {
    return `https://${parsed.hostname}${parsed.pathname}`;
  }
  return undefined;
}

/** Milliseconds after which a clone counts as hanging. */
const CLONE_TIMEOUT = 900_000;

/**
 * Fetches the commit into glue's git directory in the sandbox.
 * @throws GlueError `cloneFailed`, classified, with a hint.
 */
export async function cloneInside(
  target: StageTarget,
  plan: ClonePlan,
  objectFormat: ObjectFormat,
  signal?: AbortSignal,
): Promise<void> {
  const { stdout, stderr, result } = await runScript(target, cloneScript, {
    cwd: "/",
    env: {
      GLUE_GIT: sandboxGitDir(target.paths.private),
      GLUE_URL: plan.url,
      GLUE_COMMIT: plan.commit,
      GLUE_SHA256: objectFormat === "sha256" ? "1" : "0",
    },
    timeoutMs: CLONE_TIMEOUT,
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.exitCode === 0 && stdout.includes("cloned")) return;
  throw classifyCloneFailure(plan, result.outcome === "timeout" ? "timed out" : stderr);
}

/** The bundle of what a clone at `commit` lacks, written to a private file; undefined where it lacks nothing. */
export async function makeDelta(
  { snapshot, store }: TakenSnapshot,
  commit: string,
  signal?: AbortSignal,
): Promise<(BundleFile & { remove(): void }) | undefined> {
  const { base, includeCommit } = snapshot;
  if (base.commit === commit && includeCommit === null) return undefined;
  const scratch = scratchPath(store, "delta");
  const remove = (): void => rmSync(scratch, { recursive: true, force: true });
  try {
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
    const env = shallowAt(base.commit, join(scratch, "shallow"));
    const options: GitOptions = { ...store.options, env, ...(signal === undefined ? {} : { signal }) };
    const refs = [{ id: base.commit, name: REFS.base as string }];
    if (includeCommit !== null) refs.push({ id: includeCommit, name: REFS.include });
    const stdin = `${refs.map(({ id }) => id).join("\n")}\n^${commit}\n`;
    const pack = join(scratch, "pack");
    // --shallow: the base has no parents in this view, so only by being told does git leave out what the clone has.
    const args = ["pack-objects", "--revs", "--thin", "--shallow", "--stdout", "--quiet", "--delta-base-offset"];
    const running = gitStream(args, { ...options, stdin });
    await Promise.all([Bun.write(pack, new Response(running.stdout)), running.done]);
    const head = bundleHead({ objectFormat: base.objectFormat, needs: [commit], refs });
    const path = join(scratch, "bundle");
    return { path, size: await writeBundle(path, head, [pack], base.objectFormat), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
