import type { OwnedSandbox } from "../runtimes/contract.ts";
import { loadRuntime } from "../runtimes/factory.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { resolveReferences } from "../spec/references.ts";
import { attachToSave } from "./attach.ts";
import { closeLocked } from "./close.ts";
import { finishGone, finishUnopened, isUnopened } from "./finish-gone.ts";
import { judgeLocked } from "./judge.ts";
import { type Lock, takeLock } from "./lock.ts";
import { isFinal, type SessionMeta } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import { recordState } from "./record.ts";
import type { Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** What became of an orphan. */
export interface Released {
  readonly outcome: "released" | "kept" | "unknown" | "failed";
  readonly why: string;
  /** True where a change was brought here first. */
  readonly captured: boolean;
}

export interface ReleaseRequest {
  readonly olderThanMs: number | undefined;
  /** The sandbox as the runtime lists it: its handle knows an id that a record cut short does not. */
  readonly sandbox: OwnedSandbox | undefined;
}

/** Ends a session that was judged an orphan: judged once more under its lock, then captured, then released. */
export async function releaseOrphan(
  around: Surroundings,
  folder: SessionFolder,
  request: ReleaseRequest,
): Promise<Released> {
  let lock: Lock;
  try {
    lock = await takeLock({ path: folder.lock, doing: "pruning the session", facts: around.facts, waitMs: 0 });
  } catch (error) {
    if (isGlueError(error, "sessionBusy")) return { outcome: "kept", why: error.message, captured: false };
    throw error;
  }
  try {
    return await releaseLocked(around, folder, request);
  } catch (error) {
    if (!isGlueError(error)) throw error;
    // Denied, unreachable or broken: nothing is known of the sandbox, so the record stays as it is.
    return { outcome: "failed", why: error.message, captured: false };
  } finally {
    lock.release();
  }
}

async function releaseLocked(around: Surroundings, folder: SessionFolder, request: ReleaseRequest): Promise<Released> {
  const recorded = readMeta(folder);
  const listed = request.sandbox?.handle;
  // A record that was cut short knows the sandbox by the planned name alone.
  const meta: SessionMeta =
    listed === undefined || recorded.handle.id !== undefined
      ? recorded
      : { ...recorded, handle: { ...listed, data: { ...recorded.handle.data, ...listed.data } } };
  if (listed === undefined || !isFinal(meta.state))
    return await releaseUnused(around, folder, meta, request.olderThanMs);
  if (meta.state !== "lost" || meta.mode === "direct") return await releaseOnly(around, meta);
  // Given up for gone, and there after all: what is in it can be saved.
  return await saveAndRelease(
    around,
    folder,
    recordState(around, folder, meta, "open", { note: "its sandbox came back" }),
  );
}

/**
 * Judges again under the lock. An open session might be used at this very moment: that it closes is written down before its log is
 * looked at, and a command looks at the record after it wrote into the log; so one of the two always sees the other.
 */
async function releaseUnused(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  olderThanMs: number | undefined,
): Promise<Released> {
  const first = judgeLocked(around, folder, meta, olderThanMs);
  if (first.verdict !== "orphan") return { outcome: first.verdict, why: first.why, captured: false };
  if (meta.state !== "open") return await saveAndRelease(around, folder, meta);
  const closing = recordState(around, folder, meta, "closing");
  const second = judgeLocked(around, folder, meta, olderThanMs);
  if (second.verdict === "orphan") return await saveAndRelease(around, folder, closing);
  recordState(around, folder, closing, "open");
  return { outcome: second.verdict, why: second.why, captured: false };
}

async function saveAndRelease(around: Surroundings, folder: SessionFolder, meta: SessionMeta): Promise<Released> {
  if (isUnopened(meta)) {
    const { note } = await finishUnopened(around, folder, meta);
    return { outcome: "released", why: note ?? "", captured: false };
  }
  try {
    const session = await attachToSave(around, folder, meta);
    const { problem, capture } = await closeLocked(session, "prune");
    if (problem !== undefined) return { outcome: "failed", why: problem.message, captured: false };
    return { outcome: "released", why: "", captured: capture?.status === "captured" };
  } catch (error) {
    if (!isGlueError(error, "sandboxGone")) throw error;
    const gone = await finishGone(around, folder, meta, error);
    return { outcome: "released", why: gone.note ?? error.message, captured: gone.capture?.status === "captured" };
  }
}

/** A sandbox whose session has ended and was captured, or never was in use. */
async function releaseOnly(around: Surroundings, meta: SessionMeta): Promise<Released> {
  await (await loadRuntime(meta.runtime)).release(meta.handle, await resolveReferences(meta.options, around.env));
  return { outcome: "released", why: `its session is ${meta.state}`, captured: false };
}
