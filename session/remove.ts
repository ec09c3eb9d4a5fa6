import { statSync } from "node:fs";
import { loadRuntime } from "../runtimes/factory.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { resolveReferences } from "../spec/references.ts";
import { attachTo } from "./attach.ts";
import { leave } from "./close.ts";
import { healLocked } from "./heal.ts";
import { takeLock } from "./lock.ts";
import { holdsUnlandedChange, isFinal, type SessionMeta } from "./meta.ts";
import { removeFolder } from "./remove-folder.ts";
import type { Surroundings } from "./session.ts";
import { refuseIfOwned } from "./session-state.ts";
import { notFound, type SessionFolder, sessionFolder } from "./store.ts";

/**
 * Removes a session and everything recorded of it. Without `force` only one that has ended and holds nothing that exists nowhere
 * else: `sessionOpen` and `changeNotLanded` otherwise. With it, a sandbox that is still there is released first, its change given up.
 */
export async function removeSession(around: Surroundings, id: string, force: boolean): Promise<void> {
  const folder = sessionFolder(around.home, id);
  if (statSync(folder.path, { throwIfNoEntry: false }) === undefined) throw notFound(id);
  const lock = await takeLock({
    path: folder.lock,
    doing: "removing the session",
    facts: around.facts,
    waitMs: 10_000,
  });
  try {
    const meta = readAnyhow(around, folder, force);
    if (meta !== undefined) {
      refuseIfOwned(around, meta);
      if (!force) refuse(meta);
      if (!isFinal(meta.state)) await releaseUnsaved(around, folder, meta);
    }
    removeFolder(around.home, folder);
  } finally {
    lock.release();
  }
}

function readAnyhow(around: Surroundings, folder: SessionFolder, force: boolean): SessionMeta | undefined {
  try {
    return healLocked(around, folder);
  } catch (error) {
    if (!isGlueError(error) || !force) throw error;
    // Without a record nobody knows of a sandbox; prune finds one by its labels.
    return undefined;
  }
}

function refuse(meta: SessionMeta): void {
  if (!isFinal(meta.state)) {
    throw new GlueError("sessionOpen", `Session ${meta.id} is ${meta.state}: it may still hold a sandbox.`, {
      hint: `glue session close ${meta.id} ends it and saves its change; --force gives the change up.`,
    });
  }
  if (holdsUnlandedChange(meta)) {
    throw new GlueError("changeNotLanded", `Session ${meta.id} holds a change that was never landed or exported.`, {
      hint: `glue session apply ${meta.id} lands it, glue session export ${meta.id} saves it; --force gives it up.`,
    });
  }
}

/** A sandbox that was there before the session is left; every other goes. */
async function releaseUnsaved(around: Surroundings, folder: SessionFolder, meta: SessionMeta): Promise<void> {
  const options = await resolveReferences(meta.options, around.env);
  if (meta.attached !== true) return await (await loadRuntime(meta.runtime)).release(meta.handle, options);
  try {
    const { runtime } = await attachTo(around, folder, meta);
    await runtime.killAll();
    await leave({ runtime });
  } catch (error) {
    // In a sandbox that is gone nothing runs.
    if (!isGlueError(error, "sandboxGone")) throw error;
  }
}
