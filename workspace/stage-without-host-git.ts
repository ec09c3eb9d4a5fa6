/**
 * Staging from a host without git: the files travel as an archive, and the sandbox's git makes the base, on top of the commit that
 * the host stands at. Where the remote gives that commit, the base of a clean tree is the commit itself.
 */
import { join } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { archiveFiles } from "./archive-files.ts";
import { writeDurably } from "./durable-file.ts";
import { BOOTSTRAP_BUNDLE, SESSION_FILES } from "./layout.ts";
import { type PlainSnapshot, takePlainSnapshot } from "./snapshot-plain.ts";
import type { PreparedSnapshot } from "./snapshot-prepare.ts";
import { chooseRemote } from "./snapshot-repository.ts";
import { nulList } from "./snapshot-tracked.ts";
import type { BaseCommit, Strategy } from "./snapshot-types.ts";
import type { Staged, StageRun } from "./stage.ts";
import { sendArchive } from "./stage-archive.ts";
import { cloneInside, cloneUrl } from "./stage-clone.ts";
import { describeStaged } from "./stage-report.ts";
import { type MadeBase, makeBaseInside } from "./stage-script.ts";

/** Reads the tree and stages it. Errors as with `stageTree`; `snapshotFailed` where a file changes under the reading. */
export async function stageWithoutHostGit(run: StageRun, prepared: PreparedSnapshot): Promise<Staged> {
  run.passedOver.push({ strategy: "bundle", reason: "git is not installed on the host" });
  const plain = takePlainSnapshot(prepared.tree, prepared.options.hostEnv);
  const hasGit = run.tools.git !== undefined;
  const strategy: Strategy = hasGit && (await cloneHead(run, plain)) ? "clone" : "archive";
  const archive = archiveFiles(prepared.tree.top, [...plain.files, ...plain.included]);
  const bytesSent = await sendArchive(run, archive);
  const made = hasGit ? await makeBase(run, prepared, plain) : undefined;
  const base: BaseCommit | null = made?.base ?? null;
  return describeStaged(run, {
    snapshot: { ...plain.snapshot, dirty: base === null || base.commit !== plain.snapshot.head },
    base,
    leftOut: plain.leftOut,
    hostGit: null,
    bundleSize: made?.bundleSize ?? null,
    strategy,
    bytesSent,
    warnings: plain.warnings,
  });
}

/** Fetches the commit that the host stands at, where the remote has it. */
async function cloneHead(run: StageRun, { snapshot, repository }: PlainSnapshot): Promise<boolean> {
  const remote = repository === undefined ? undefined : chooseRemote(repository.config, repository.headRef);
  const url = remote === undefined ? undefined : cloneUrl(remote.url);
  if (repository === undefined || url === undefined || snapshot.head === null) return false;
  try {
    run.options.progress?.({ what: `cloning ${url} in the sandbox` });
    await cloneInside(run.target, { url, commit: snapshot.head }, repository.objectFormat, run.options.signal);
    return true;
  } catch (error) {
    if (!isGlueError(error, "cloneFailed")) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    run.passedOver.push({ strategy: "clone", reason: error.message, ...hint });
    return false;
  }
}

async function makeBase(run: StageRun, prepared: PreparedSnapshot, plain: PlainSnapshot): Promise<MadeBase> {
  const { target, options } = run;
  const list = `${target.paths.private}/glue-files`;
  const out = `${target.paths.tmp}/${BOOTSTRAP_BUNDLE}`;
  await target.workspace.write(list, nulList(plain.files.map(({ path }) => path)), { mode: 0o600 });
  options.progress?.({ what: "unpacking in the sandbox", total: plain.files.length, unit: "files" });
  const objectFormat = plain.repository?.objectFormat ?? "sha1";
  const { head, headRef, included, ignoreRules } = plain.snapshot;
  const making = { objectFormat, head, headRef, included, ignoreRules, list, out };
  const made = await makeBaseInside(target, making, options.signal);
  await fetchBundle(run, made, out, join(prepared.options.sessionDir, SESSION_FILES.baseBundle));
  return made;
}

/** Brings the bundle of the base to the host, where a landing needs it. */
export async function fetchBundle({ target }: StageRun, made: MadeBase, from: string, to: string): Promise<void> {
  const hasher = new Bun.CryptoHasher("sha256");
  let size = 0;
  const stream = await target.workspace.download(from);
  async function* hashed() {
    for await (const chunk of stream) {
      hasher.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  await writeDurably(to, [hashed()]);
  const isSame = made.bundleSha256 === undefined || made.bundleSha256 === hasher.digest("hex");
  if (size !== made.bundleSize || !isSame) {
    throw new GlueError(
      "transferFailed",
      `The bundle of the base did not arrive whole (${size} of ${made.bundleSize} bytes).`,
    );
  }
  await target.workspace.remove(from);
}
