import type { HostTree, Options, Progress } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import type { Session, Voice } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** What is known before the sandbox exists: enough to take the snapshot and make the bundle meanwhile. */
export interface StageRequest {
  readonly folder: SessionFolder;
  readonly tree: HostTree;
  readonly options: Options;
  readonly voice: Voice;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

/** A tree that is on its way. */
export interface PreparedTree {
  /** Puts it into the sandbox; what was done goes into meta.json as it is. */
  stage(session: Session): Promise<Readonly<Record<string, unknown>>>;
  /** Lets go of what was prepared, when the sandbox could not be had. */
  discard(): Promise<void>;
}

/** Begins to bring the tree into a sandbox that is only just being created. */
export type StageHook = (request: StageRequest) => PreparedTree;

export const prepareStage: StageHook = () => {
  throw new GlueError("notSupported", "This version cannot work on a copy of the tree.", {
    hint: "Leave out --copy, or choose a runtime that works on your files directly.",
  });
};
