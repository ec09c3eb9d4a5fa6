import type { OwnedSandbox } from "../runtimes/contract.ts";
import { loadRuntime } from "../runtimes/factory.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { isAlive } from "./owner.ts";
import type { PruneItem, PruneRequest } from "./prune.ts";
import type { Surroundings } from "./session.ts";

/**
 * A sandbox with our labels whose record is not in this home: another home's, or one that was deleted. Only the labels speak. It is
 * released when its process is proven dead and it worked on the user's files, so that nothing of value can be in it; one that holds a
 * change of its own is kept for the home that can capture it.
 */
export async function pruneUnrecorded(
  around: Surroundings,
  request: PruneRequest,
  sandbox: OwnedSandbox,
): Promise<PruneItem> {
  const { handle, owner } = sandbox;
  const item = { session: sandbox.sessionId, runtime: handle.runtime, sandbox: handle.id ?? handle.name };
  if (owner === undefined) return { ...item, outcome: "unknown", why: "its labels are not whole" };
  if (handle.data.kept === "true") return { ...item, outcome: "unknown", why: "its session was to keep it" };
  if (owner.kind === "open")
    return { ...item, outcome: "unknown", why: "the record of its open session is not in this home" };
  const { state, why } = isAlive(owner, around.facts);
  if (state !== "dead") return { ...item, outcome: state === "alive" ? "kept" : "unknown", why };
  if (handle.data.mode !== "direct") {
    return {
      ...item,
      outcome: "unknown",
      why: `${why}, but its change can only be saved with its record, which is not in this home`,
    };
  }
  if (request.dryRun) return { ...item, outcome: "would-release", why };
  try {
    await (await loadRuntime(handle.runtime)).release(handle, request.resolved.options);
    return { ...item, outcome: "released", why };
  } catch (error) {
    if (!isGlueError(error)) throw error;
    return { ...item, outcome: "failed", why: error.message };
  }
}
