import { loadRuntime } from "../runtimes/factory.ts";
import { resolveReferences } from "../spec/references.ts";
import type { SessionMeta } from "./meta.ts";
import { logState, recordState } from "./record.ts";
import type { Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/**
 * Ends a session whose sandbox can't be entered because it is not there. For a holder of the session's lock. The runtime releases what may
 * be left of it all the same (processes whose folder is gone). What was captured, or lay on this machine all along, is then closed; a
 * change that was still in the sandbox is lost, and the record says so.
 */
export async function finishGone(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  why: string,
): Promise<SessionMeta> {
  const runtime = await loadRuntime(meta.runtime);
  await runtime.release(meta.handle, await resolveReferences(meta.options, around.env));
  const neverWas = meta.state === "intended" && meta.handle.id === undefined;
  const safe = meta.mode === "direct" || meta.state === "captured";
  const state = neverWas ? "failed" : safe ? "closed" : "lost";
  const next = recordState(around, folder, meta, state, { note: neverWas ? "it was never created" : why });
  logState(around, folder, next);
  return next;
}
