import { existsSync } from "node:fs";
import type { Options, Runtime } from "../runtimes/contract.ts";
import { loadRuntime } from "../runtimes/factory.ts";
import { GlueError } from "../spec/glue-error.ts";
import { resolveReferences } from "../spec/references.ts";
import { captureGapLine, checkpointLine, goneReport, recordOf } from "./capture-hook.ts";
import { takeFarewell } from "./farewell.ts";
import type { SessionMeta } from "./meta.ts";
import { logState, recordState } from "./record.ts";
import { keepsSandbox } from "./runtime-options.ts";
import type { Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/**
 * Ends a session whose sandbox cannot be entered because it does not run any more (`gone` says how that is known). For a holder of the
 * session's lock. The runtime releases what may be left of it (processes whose folder is gone, a stopped container). What was captured,
 * or lay on this machine all along, is then closed. A change that is still in the sandbox keeps it as long as it is there at all; when it
 * is not, the change is lost and the record says so. `note` is for the record where `gone` has words for people.
 */
export async function finishGone(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  gone: GlueError,
  note = gone.message,
): Promise<SessionMeta> {
  const runtime = await loadRuntime(meta.runtime);
  const options = await resolveReferences(meta.options, around.env);
  const saved = isSafe(meta) ? undefined : await takeFarewell(around, folder, meta, options);
  const known = saved ?? meta;
  const safe = isSafe(known);
  if (!safe && (await isListed(runtime, options, meta))) {
    throw new GlueError(
      "captureFailed",
      `${gone.message} The change of session ${meta.id} is still in it, so it is kept.`,
      {
        hint: gone.hint,
        cause: gone,
      },
    );
  }
  const kept = keepsSandbox(meta, options);
  // It does not run; one that is to stay is as it should be.
  if (!kept) await runtime.release(meta.handle, options);
  const missing = safe ? undefined : goneReport(gone, new Date(around.now()).toISOString());
  if (missing !== undefined) tellMissing(around, { ...known, capture: recordOf(missing) });
  const next = recordState(around, folder, known, safe ? "closed" : "lost", {
    // One that was brought back before is still that.
    ...(missing === undefined || brought(known) ? {} : { capture: recordOf(missing) }),
    note: saved === undefined ? note : "its process was gone; its change was saved before the sandbox ended",
    ...(kept ? { kept } : {}),
  });
  logState(around, folder, next);
  if (existsSync(folder.jobs)) (await import("./job-output.ts")).settleForGood(folder);
  return next;
}

const brought = ({ capture }: SessionMeta) => capture !== undefined && capture.status !== "unavailable";

/** Says that the change of a session is missing, in the words that were recorded, and what there is in its place. */
export function tellMissing({ voice }: Surroundings, meta: SessionMeta): void {
  const { capture } = meta;
  if (capture?.status === "unavailable") voice.warn(captureGapLine(capture));
  const saved = checkpointLine(meta);
  if (saved !== undefined) voice.warn(saved);
}

/** A service goes on with a create whose caller has died; after this long a sandbox that has not come up never will. Milliseconds. */
const LOST_CREATE_MS = 8_000;

const isSafe = ({ mode, state }: SessionMeta) => mode === "direct" || state === "captured";

/**
 * Ends a session that was never open: no command can have run in it, so there is nothing to capture. For a holder of the session's lock.
 * Where nobody knows whether the sandbox was made, a create that was only just asked for is given the time to come up, so that it does not
 * come up behind our back.
 */
export async function finishUnopened(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
): Promise<SessionMeta> {
  const runtime = await loadRuntime(meta.runtime);
  const options = await resolveReferences(meta.options, around.env);
  // Nothing was made, and what was there stays.
  if (meta.attached === true) return finished(around, folder, meta);
  await runtime.release(meta.handle, options);
  const waitMs = LOST_CREATE_MS - Math.max(0, around.now() - Date.parse(meta.stateAt));
  if (meta.handle.id === undefined && runtime.endsWithMachine !== true && waitMs > 0) {
    await Bun.sleep(waitMs);
    await runtime.release(meta.handle, options);
  }
  return finished(around, folder, meta, await runtime.spared?.(meta.handle, options));
}

function finished(around: Surroundings, folder: SessionFolder, meta: SessionMeta, spared?: string): SessionMeta {
  const note = `its opening was cut short${spared === undefined ? "" : `; ${spared}`}`;
  const next = recordState(around, folder, meta, "failed", { note });
  logState(around, folder, next);
  return next;
}

/** Whether a session was never open. */
export function isUnopened({ state }: SessionMeta): boolean {
  return state === "intended" || state === "created";
}

/** Whether the runtime still has the sandbox, in whatever state: then a change may be in it. */
export async function isListed(runtime: Runtime, options: Options, { handle }: SessionMeta): Promise<boolean> {
  const sandboxes = await runtime.listOwned(options);
  return sandboxes.some((listed) => listed.handle.id === handle.id || listed.handle.name === handle.name);
}
