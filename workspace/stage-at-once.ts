/** Staging into a new sandbox that nobody has asked anything: mostly it has git, and then the first command of all unpacks the tree. */
import type { ReadyTree } from "./snapshot-prepare.ts";
import { neededGit, type StageOptions, type StageRun, tellUnpacking, unpacking } from "./stage.ts";
import { type StageTarget, unpackUnseen } from "./stage-script.ts";
import { sendBundle, unsendBundle } from "./stage-send.ts";

/** Bundles up to this size are sent though it may be in vain. In bytes. */
const AT_ONCE_BYTES = 32_000_000;

/** What was done, for the report. */
export interface StagedAtOnce {
  readonly bytesSent: number;
  readonly tools: StageRun["tools"];
}

/** Undefined where it did not work, for a reason that another way has an answer to; nothing of it is left then. */
export async function stageAtOnce(
  target: StageTarget,
  ready: ReadyTree,
  options: StageOptions,
): Promise<StagedAtOnce | undefined> {
  const { bundleCapBytes = AT_ONCE_BYTES, signal } = options;
  const most = Math.min(AT_ONCE_BYTES, bundleCapBytes, target.workspace.pieceBytes);
  if (ready.bundle.size > most || ready.units.length > 0) return undefined;
  const sent = await sendBundle(target, ready, options);
  tellUnpacking(ready, options);
  const git = await unpackUnseen(target, unpacking(ready, sent.path), neededGit(ready), signal);
  if (git !== undefined) return { bytesSent: sent.bytes, tools: { git, sha256sum: false, repository: false } };
  await unsendBundle(target, sent);
  return undefined;
}
