/** Where a session of the host runtime has its things, as its handle says it. */
import { GlueError, type OpenContext, type SandboxHandle } from "../contract.ts";

export interface HostPlaces {
  readonly sessionId: string;
  readonly mode: "direct" | "copy";
  /** What commands work on: the user's own folder, or a copy in the session's folder. */
  readonly workspace: string;
  /** glue's own folder for the session. */
  readonly private: string;
  readonly spool: string;
}

export function planHandle(context: OpenContext): SandboxHandle {
  const { sessionId, mode, sessionDir, tree } = context;
  return {
    runtime: "host",
    name: `glue-${sessionId}`,
    data: {
      sessionId,
      mode,
      workspace: mode === "copy" ? `${sessionDir}/workspace` : tree.top,
      private: `${sessionDir}/private`,
    },
  };
}

/** Throws `sessionDamaged` for a handle that is not ours or not whole. */
export function placesOf(handle: SandboxHandle): HostPlaces {
  const { sessionId, mode, workspace, private: own } = handle.data;
  if (!sessionId || !workspace?.startsWith("/") || !own?.startsWith("/") || (mode !== "direct" && mode !== "copy")) {
    throw new GlueError("sessionDamaged", `The record of ${handle.name} does not say where it is on this machine.`);
  }
  return { sessionId, mode, workspace, private: own, spool: `${own}/spool` };
}
