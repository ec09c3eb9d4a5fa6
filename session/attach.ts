import { existsSync, realpathSync } from "node:fs";
import { relative } from "node:path";
import type { AttachOptions } from "../runtimes/contract.ts";
import { loadRuntime } from "../runtimes/factory.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { resolveReferences } from "../spec/references.ts";
import { isInside } from "./host-tree.ts";
import { liveLease, servedPath } from "./keeper-lease.ts";
import { type LiveSession, liveSession } from "./live-session.ts";
import type { SessionMeta } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import type { Surroundings } from "./session.ts";
import { refuseUnlessOpen } from "./session-state.ts";
import { type SessionFolder, sessionFolder, versionOf } from "./store.ts";

/** Which open session, and from where. */
export interface AttachRequest {
  readonly id: string;
  /** Where the caller stands. Absolute; need not exist. */
  readonly cwd: string;
  /** Where commands start, as the sandbox sees it: absolute, or relative to the workspace. Left out: where the caller stands. */
  readonly folder?: string | undefined;
  /** See `AttachOptions`. */
  readonly unseen?: boolean;
}

/**
 * Reaches a session that another process opened: by its record alone, without the configuration and without a lock, so any number of
 * processes may do it at once. `sessionClosed` where it has ended or is about to.
 */
export async function attachSession(around: Surroundings, request: AttachRequest): Promise<LiveSession> {
  const folder = sessionFolder(around.home, request.id);
  const version = versionOf(folder);
  const meta = readMeta(folder);
  refuseUnlessOpen(meta);
  return await attachTo(around, folder, meta, request.folder ?? startIn(meta, request.cwd), version, {
    unseen: request.unseen ?? false,
  });
}

/** Attaches to the sandbox of a record that may be in any state; the caller knows what it does. */
export async function attachTo(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  startFolder = meta.tree.subfolder,
  version?: string,
  how: AttachOptions = {},
): Promise<LiveSession> {
  const options = await resolveReferences(meta.options, around.env);
  const runtime = await (await loadRuntime(meta.runtime)).attach(meta.handle, options, {
    ...how,
    near: servedBy(around, folder),
  });
  const session = liveSession(around, { folder, meta, options, runtime, startFolder, version });
  if (runtime.deadline !== undefined) (await import("./deadline.ts")).watchDeadline(session);
  return session;
}

/**
 * Attaches in order to save what is in the sandbox of a record, and to release it: one that has stopped is started again for that, where its
 * files are still there. `sandboxGone` where nothing is.
 */
export async function attachToSave(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
): Promise<LiveSession> {
  try {
    return await attachTo(around, folder, meta);
  } catch (error) {
    const unsaved = meta.mode === "copy" && meta.state !== "captured";
    const runtime = await loadRuntime(meta.runtime);
    if (!isGlueError(error, "sandboxGone") || !unsaved || runtime.revive === undefined) throw error;
    await runtime.revive(meta.handle, await resolveReferences(meta.options, around.env));
    around.voice.notice(`${error.message} It was started again to save its change.`);
    return await attachTo(around, folder, meta);
  }
}

/** The socket of a keeper that serves the sandbox, where one lives and it is not this process itself. */
function servedBy({ facts }: Surroundings, folder: SessionFolder): string | undefined {
  const path = servedPath(folder);
  if (!existsSync(path)) return undefined;
  const lease = liveLease(folder, facts);
  return lease === undefined || lease.pid === process.pid ? undefined : path;
}

/** The caller's own subfolder where it stands in the session's tree, else the top. */
function startIn(meta: SessionMeta, cwd: string): string {
  const { top } = meta.tree;
  let stands: string;
  try {
    stands = realpathSync(cwd);
  } catch {
    // A folder that is gone is in no tree; the command does not need it either.
    return "";
  }
  return isInside(stands, top) ? relative(top, stands) : "";
}
