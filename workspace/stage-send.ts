/** How what staging sends gets into a sandbox. */
import { isGlueError } from "../spec/glue-error.ts";
import { BOOTSTRAP_BUNDLE } from "./layout.ts";
import type { PreparedSnapshot, ReadyTree } from "./snapshot-prepare.ts";
import type { StageOptions, StageRun } from "./stage.ts";
import type { StageTarget } from "./stage-script.ts";
import { fileSource, type Source, sendInPieces, sendWhole, type TransferOptions } from "./transfer.ts";

/** Where the bundle of a tree is put. Absolute, in the sandbox. */
export function bundlePath({ paths }: StageTarget): string {
  return `${paths.tmp}/${BOOTSTRAP_BUNDLE}`;
}

export function bundleSource({ bundle }: ReadyTree): Source {
  return fileSource(bundle.path, bundle.size);
}

/** Sends the bundle of a tree in one upload, and the index of its pack beside it where there is one. Returns the bytes sent. */
export async function sendBundle(target: StageTarget, ready: ReadyTree, options: StageOptions): Promise<number> {
  const path = bundlePath(target);
  const { packIndex } = ready.bundle;
  const [sent] = await Promise.all([
    sendWhole(target, bundleSource(ready), path, transfer(options, "uploading the snapshot")),
    packIndex === undefined ? undefined : target.workspace.write(`${path}.idx`, packIndex.bytes, { mode: 0o444 }),
  ]);
  return sent + (packIndex?.bytes.length ?? 0);
}

/** A bundle that is on its way before it is known what the sandbox can do with it. */
export interface EarlyBundle {
  /** As `sendBundle`. Its failure is not lost when it is awaited late. */
  readonly sent: Promise<number>;
  /** Removes it again, where it is of no use. */
  discard(): Promise<void>;
}

/** Bundles up to this size are sent at once, though it may be in vain: most sandboxes have git. In bytes. */
const EARLY_BYTES = 32_000_000;

/** Begins to send the bundle as soon as it is ready. Undefined where it is too large for that, or there is none. */
export async function sendEarly(
  target: StageTarget,
  prepared: PreparedSnapshot,
  options: StageOptions,
): Promise<EarlyBundle | undefined> {
  const ready = await prepared.ready;
  const { bundleCapBytes = EARLY_BYTES } = options;
  const most = Math.min(EARLY_BYTES, bundleCapBytes, target.workspace.pieceBytes);
  if (ready === undefined || ready.bundle.size > most) return undefined;
  const sent = sendBundle(target, ready, options);
  sent.catch(() => undefined);
  return {
    sent,
    async discard() {
      await sent;
      const path = bundlePath(target);
      for (const file of ready.bundle.packIndex === undefined ? [path] : [path, `${path}.idx`])
        await target.workspace.remove(file);
    },
  };
}

/** In one upload where the cap allows it, else in pieces. Returns the bytes sent. */
export async function send(run: StageRun, source: Source, path: string, what: string): Promise<number> {
  const cap = run.options.bundleCapBytes;
  if (cap !== undefined && source.size > cap) return await inPieces(run, source, path, what);
  return await sendWhole(run.target, source, path, transfer(run.options, what));
}

/** Once more where pieces were damaged on the way: those that are whole are not sent again. */
export async function inPieces(run: StageRun, source: Source, path: string, what: string): Promise<number> {
  const options = { ...transfer(run.options, what), sha256sum: run.tools.sha256sum };
  try {
    return await sendInPieces(run.target, source, path, options);
  } catch (error) {
    if (!isGlueError(error, "transferFailed") || !error.retryable) throw error;
  }
  return await sendInPieces(run.target, source, path, options);
}

function transfer({ progress, signal }: StageOptions, what: string): TransferOptions {
  return { what, ...(progress === undefined ? {} : { progress }), ...(signal === undefined ? {} : { signal }) };
}
