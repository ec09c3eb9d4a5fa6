import type { Owner } from "../runtimes/contract.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { isFinal } from "./meta.ts";
import { isAlive } from "./owner.ts";
import { readMeta } from "./read-meta.ts";
import type { Surroundings } from "./session.ts";
import { sessionFolder } from "./store.ts";

/**
 * Whether a session is proven to be over: this home's record says that it ended, or it belonged to a process of this machine that is dead and left no
 * record. Another machine's session, and an open one that is on no record here, may well be in use; one whose process died may hold a change
 * that only prune saves.
 */
export function isSessionOver(around: Surroundings, owner: Owner, sessionId: string): boolean {
  if (owner.host !== around.facts.host) return false;
  try {
    return isFinal(readMeta(sessionFolder(around.home, sessionId)).state);
  } catch (error) {
    // Without a record only the process speaks.
    if (!isGlueError(error, "sessionNotFound")) throw error;
  }
  return owner.kind === "process" && isAlive(owner, around.facts).state === "dead";
}
