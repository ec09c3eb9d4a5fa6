import type { SessionMeta } from "./meta.ts";
import { logState, recordState } from "./record.ts";
import type { Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/**
 * Records the end of a session whose sandbox the service says is not there. For a holder of the session's lock. What was captured, or
 * lay on this machine all along, is closed; a change that was still in the sandbox is lost, and the record says so.
 */
export function finishGone(around: Surroundings, folder: SessionFolder, meta: SessionMeta, why: string): SessionMeta {
  const neverWas = meta.state === "intended" && meta.handle.id === undefined;
  const safe = meta.mode === "direct" || meta.state === "captured";
  const state = neverWas ? "failed" : safe ? "closed" : "lost";
  const next = recordState(around, folder, meta, state, { note: neverWas ? "it was never created" : why });
  logState(around, folder, next);
  return next;
}
