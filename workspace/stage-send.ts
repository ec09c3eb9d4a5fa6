/** How what staging sends gets into a sandbox. */
import { isGlueError } from "../spec/glue-error.ts";
import { BOOTSTRAP_BUNDLE } from "./layout.ts";
import type { ReadyTree } from "./snapshot-prepare.ts";
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

/** Where a bundle lies in the sandbox, with the index of its pack beside it where there is one, and how many bytes that took. */
export interface SentBundle {
  readonly path: string;
  readonly bytes: number;
}

/** Gets the bundle of a tree into the sandbox: shared where that can be, else in one upload. */
export async function sendBundle(target: StageTarget, ready: ReadyTree, options: StageOptions): Promise<SentBundle> {
  const { packIndex, path: file, size } = ready.bundle;
  const bytes = size + (packIndex?.bytes.length ?? 0);
  const shared = await target.workspace.share?.({
    "": file,
    ...(packIndex === undefined ? {} : { [INDEX]: packIndex.bytes }),
  });
  if (shared !== undefined) return { path: shared, bytes };
  const path = bundlePath(target);
  await Promise.all([
    sendWhole(target, bundleSource(ready), path, transfer(options, "uploading the snapshot")),
    packIndex === undefined ? undefined : target.workspace.write(path + INDEX, packIndex.bytes, { mode: 0o444 }),
  ]);
  return { path, bytes };
}

/** What the name of an index ends with. */
const INDEX = ".idx";

/** Removes what `sendBundle` has sent, where it is of no use. */
export async function unsendBundle({ workspace }: StageTarget, { path }: SentBundle): Promise<void> {
  for (const file of [path, path + INDEX]) await workspace.remove(file);
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
