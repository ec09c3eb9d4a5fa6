import { existsSync } from "node:fs";
import type { OwnedSandbox, RuntimeId } from "../runtimes/contract.ts";
import { RUNTIME_IDS } from "../spec/generated/capabilities.ts";
import { isGlueError } from "../spec/glue-error.ts";
import type { Resolved } from "../spec/resolve.ts";
import { askRuntime } from "./ask-runtime.ts";
import { readOrHeal } from "./heal.ts";
import { judge } from "./judge.ts";
import { isFinal, type SessionMeta } from "./meta.ts";
import { pruneUnrecorded } from "./prune-unrecorded.ts";
import { releaseOrphan } from "./release-orphan.ts";
import type { Surroundings } from "./session.ts";
import { type SessionFolder, sessionFolder, sessionIds } from "./store.ts";
import { sweepFolder } from "./sweep-folder.ts";
import { tidyEntry } from "./unfinished.ts";

/** What `prune` is asked to look at and to do. */
export interface PruneRequest {
  /** Which runtimes are configured, and how. */
  readonly resolved: Resolved;
  /** Only say what would be done. */
  readonly dryRun: boolean;
  /** Open sessions that were unused for longer are orphans too. Milliseconds. */
  readonly olderThanMs?: number;
  /** Only this one. */
  readonly runtime?: RuntimeId;
}

/** One session or sandbox, and what became of it. */
export interface PruneItem {
  readonly session: string;
  readonly runtime?: RuntimeId;
  /** The service's id of it, else its name. */
  readonly sandbox?: string;
  /** `kept`: somebody answers for it. `unknown`: nothing is proven, so it is kept as well. `failed`: an orphan that is still there. */
  readonly outcome: "released" | "would-release" | "kept" | "unknown" | "failed";
  /** A half sentence: why it is an orphan or not, or what went wrong. */
  readonly why: string;
  /** True where a change was brought here before the release. */
  readonly captured?: boolean;
}

/** What `prune` found. */
export interface PruneReport {
  readonly items: readonly PruneItem[];
  /** Runtimes that could not be asked: what they hold is unknown. */
  readonly unasked: readonly { readonly runtime: RuntimeId; readonly why: string }[];
}

/**
 * Finds what a crash left behind, captures it and releases it. Goes through the records of this home and through everything that
 * carries glue's labels on the runtimes that are configured. What cannot be proven ours and dead is kept, and the report says so.
 */
export async function prune(around: Surroundings, request: PruneRequest): Promise<PruneReport> {
  const unasked: { runtime: RuntimeId; why: string }[] = [];
  const owned = new Map<string, OwnedSandbox[]>();
  for (const runtime of request.runtime === undefined ? RUNTIME_IDS : [request.runtime]) {
    const answer = await askRuntime(runtime, request.resolved);
    if (answer.unknown !== undefined) unasked.push({ runtime, why: answer.unknown });
    for (const sandbox of answer.sandboxes) {
      owned.set(sandbox.sessionId, [...(owned.get(sandbox.sessionId) ?? []), sandbox]);
    }
  }
  const items: PruneItem[] = [];
  // A sandbox that was taken over still bears the labels of the session that it was made for.
  const held = new Set<string>();
  for (const id of sessionIds(around.home)) {
    const { item, recorded, holds } = await pruneRecord(
      around,
      request,
      sessionFolder(around.home, id),
      owned.get(id) ?? [],
    );
    if (item !== undefined) items.push(item);
    if (recorded) owned.delete(id);
    if (holds !== undefined) held.add(holds);
  }
  const unheld = [...owned.values()].flat().filter(({ handle }) => handle.id === undefined || !held.has(handle.id));
  for (const sandbox of unheld) items.push(await pruneUnrecorded(around, request, sandbox));
  return { items, unasked };
}

/** Whether a job that nobody asks about still runs, only the sandbox knows; where it does not tell, the job counts as one that runs. */
async function lookAtItsJobs(around: Surroundings, folder: SessionFolder, meta: SessionMeta): Promise<void> {
  if (meta.state !== "open" || !existsSync(folder.jobs)) return;
  const [{ attachTo }, { openJobs, settleJobs }] = await Promise.all([import("./attach.ts"), import("./jobs.ts")]);
  if (openJobs(folder).length === 0) return;
  try {
    const session = await attachTo(around, folder, meta);
    await settleJobs(session);
    await session.detach();
  } catch (error) {
    if (!isGlueError(error)) throw error;
  }
}

interface Judged {
  readonly item?: PruneItem;
  /** False where the labels of its sandboxes are all there is to go by. */
  readonly recorded: boolean;
  /** The id of a sandbox that the session took over. */
  readonly holds?: string;
}

async function pruneRecord(
  around: Surroundings,
  request: PruneRequest,
  folder: SessionFolder,
  sandboxes: readonly OwnedSandbox[],
): Promise<Judged> {
  let meta: SessionMeta;
  try {
    meta = await readOrHeal(around, folder);
  } catch (error) {
    if (!isGlueError(error)) throw error;
    if (error.code !== "sessionNotFound")
      return { item: { session: folder.id, outcome: "unknown", why: error.message }, recorded: true };
    if ((await sweepFolder(around, folder, request.dryRun)) === "full") {
      const why = `it has no record; look at ${folder.path}`;
      return { item: { session: folder.id, outcome: "unknown", why }, recorded: true };
    }
    return { recorded: false };
  }
  const holds = meta.attached === true && meta.handle.id !== undefined ? { holds: meta.handle.id } : {};
  if (request.runtime !== undefined && meta.runtime !== request.runtime) return { ...holds, recorded: true };
  const item = await pruneRead(around, request, folder, meta, sandboxes[0]);
  return { ...holds, ...(item === undefined ? {} : { item }), recorded: true };
}

/** What becomes of a session with a record in working order; undefined where there is nothing to say of it. */
async function pruneRead(
  around: Surroundings,
  request: PruneRequest,
  folder: SessionFolder,
  meta: SessionMeta,
  sandbox: OwnedSandbox | undefined,
): Promise<PruneItem | undefined> {
  const base = {
    session: folder.id,
    runtime: meta.runtime,
    sandbox: sandbox?.handle.id ?? meta.handle.id ?? meta.handle.name,
  };
  const leftover = isFinal(meta.state) && sandbox !== undefined && meta.kept !== true;
  if (isFinal(meta.state) && !leftover) {
    tidyEntry(around.home, folder.id, meta);
    return undefined;
  }
  if (request.olderThanMs !== undefined) await lookAtItsJobs(around, folder, meta);
  const { verdict, why } = leftover
    ? { verdict: "orphan" as const, why: `its session is ${meta.state}` }
    : await judge(around, folder, meta, request.olderThanMs);
  if (verdict !== "orphan") {
    // Nobody but the user can know; on the same machine it is theirs to say.
    const say = verdict === "unknown" && meta.owner.host === around.facts.host;
    return { ...base, outcome: verdict, why: say ? `${why}; glue session close ${folder.id} ends it` : why };
  }
  if (request.dryRun) return { ...base, outcome: "would-release", why };
  const released = await releaseOrphan(around, folder, { olderThanMs: request.olderThanMs, sandbox });
  return { ...base, ...released, why: released.why || why };
}
