/** The host as a runtime: commands run as the caller, on the caller's machine. */
import { mkdirSync, statSync } from "node:fs";
import { commandIdPrefix } from "../common/command-id.ts";
import {
  type Check,
  GlueError,
  type OpenContext,
  type Options,
  type OwnedSandbox,
  type Runtime,
  type RuntimeSession,
  type SandboxHandle,
} from "../contract.ts";
import { endTree } from "./end-tree.ts";
import { placesOf, planHandle } from "./place.ts";
import { HostSession, removePlaces } from "./session.ts";

export class HostRuntime implements Runtime {
  readonly id = "host";
  readonly endsWithMachine = true;

  plan(_options: Options, context: OpenContext): SandboxHandle {
    return planHandle(context);
  }

  /** Makes the session's folders; in `copy` mode the workspace is one of them, and empty. */
  async open(options: Options, context: OpenContext): Promise<RuntimeSession> {
    if (context.signal?.aborted) throw new GlueError("cancelled", "Interrupted before the session was opened.");
    const planned = planHandle(context);
    const handle = { ...planned, id: planned.name };
    const places = placesOf(handle);
    if (places.mode === "direct" && !isFolder(places.workspace)) {
      throw new GlueError("cwdInvalid", `The folder to work in is gone: ${places.workspace}`);
    }
    try {
      mkdirSync(places.spool, { recursive: true, mode: 0o700 });
      if (places.mode === "copy") mkdirSync(places.workspace, { recursive: true });
    } catch (error) {
      await removePlaces(places);
      throw new GlueError("homeUnusable", `The session's folder cannot be written to: ${context.sessionDir}`, {
        cause: error,
      });
    }
    return new HostSession(handle, options, true);
  }

  async attach(handle: SandboxHandle, options: Options): Promise<RuntimeSession> {
    const places = placesOf(handle);
    if (!isFolder(places.workspace)) throw new GlueError("sandboxGone", `The folder is gone: ${places.workspace}`);
    try {
      mkdirSync(places.spool, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new GlueError("homeUnusable", `The session's folder cannot be written to: ${places.private}`, {
        cause: error,
      });
    }
    return new HostSession(handle, options, false);
  }

  async diagnose(options: Options): Promise<Check[]> {
    const { diagnoseHost } = await import("./diagnose.ts");
    return diagnoseHost(options);
  }

  /** The host labels nothing: its sessions are known from their records alone. */
  async listOwned(): Promise<OwnedSandbox[]> {
    return [];
  }

  /** Ends what still runs of the session, then removes its folders; the user's own files are never among them. */
  async release(handle: SandboxHandle, options: Options): Promise<void> {
    const places = placesOf(handle);
    await endTree("sweep", commandIdPrefix(places.sessionId), places.spool, options.kill_grace_seconds * 1000);
    await removePlaces(places);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
