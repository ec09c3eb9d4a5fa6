import { isGlueError } from "../spec/glue-error.ts";
import { readOrHeal } from "./heal.ts";
import { lastUsed } from "./judge.ts";
import { holdsUnlandedChange, isFinal, type SessionMeta, type SessionState, savedChange } from "./meta.ts";
import { isAlive } from "./owner.ts";
import type { Surroundings } from "./session.ts";
import { type SessionFolder, sessionFolder, sessionIds } from "./store.ts";
import { listUnfinished, tidyEntry } from "./unfinished.ts";

/** A session as `session list` shows it. Times are ISO 8601. */
export interface SessionRow {
  readonly id: string;
  /** `unreadable`: its record is damaged beyond mending, or of a newer glue; `problem` says which. */
  readonly state: SessionState | "unreadable";
  readonly problem?: { readonly code: string; readonly message: string };
  readonly runtime?: SessionMeta["runtime"];
  readonly requestedRuntime?: SessionMeta["runtime"];
  readonly mode?: SessionMeta["mode"];
  readonly kind?: SessionMeta["owner"]["kind"];
  /** Whether the process that opened it still runs; of no consequence for an open session. */
  readonly ownerState?: "alive" | "dead" | "unknown";
  readonly sandbox?: string;
  readonly folder?: string;
  readonly createdAt?: string;
  readonly lastUsedAt?: string;
  readonly deadline?: string;
  /** When the last checkpoint was made: the death of the sandbox would cost what was changed since. */
  readonly checkpointAt?: string;
  readonly note?: string;
  /** `unlanded`: captured, and neither landed nor exported since. */
  readonly change?: "none" | "unlanded" | "landed" | "unavailable";
}

/** The sessions that matter, oldest first: those not ended, and those whose change was never landed. `all`: every one on record. */
export async function listSessions(around: Surroundings, all: boolean): Promise<SessionRow[]> {
  const ids = all ? sessionIds(around.home) : listUnfinished(around.home).map(({ id }) => id);
  const rows: SessionRow[] = [];
  for (const id of ids) {
    const row = await rowOf(around, sessionFolder(around.home, id));
    if (row !== undefined && (all || row.change === "unlanded" || row.state === "unreadable" || !isFinal(row.state))) {
      rows.push(row);
    }
  }
  return rows;
}

async function rowOf(around: Surroundings, folder: SessionFolder): Promise<SessionRow | undefined> {
  try {
    const meta = await readOrHeal(around, folder);
    tidyEntry(around.home, folder.id, meta);
    return describe(around, folder, meta);
  } catch (error) {
    if (!isGlueError(error)) throw error;
    // A folder without a record is one that is just being made, or was given up before anything was asked for.
    if (error.code === "sessionNotFound") return undefined;
    return { id: folder.id, state: "unreadable", problem: { code: error.code, message: error.message } };
  }
}

/** One row, from a record in working order. */
export function describe(around: Surroundings, folder: SessionFolder, meta: SessionMeta): SessionRow {
  return {
    id: meta.id,
    state: meta.state,
    runtime: meta.runtime,
    requestedRuntime: meta.requestedRuntime,
    mode: meta.mode,
    kind: meta.owner.kind,
    ...(meta.owner.kind === "process" ? { ownerState: isAlive(meta.owner, around.facts).state } : {}),
    sandbox: meta.handle.id ?? meta.handle.name,
    folder: meta.tree.top,
    createdAt: meta.createdAt,
    lastUsedAt: new Date(lastUsed(folder, meta)).toISOString(),
    ...(meta.deadline === undefined ? {} : { deadline: meta.deadline }),
    ...(meta.checkpoint === undefined ? {} : { checkpointAt: meta.checkpoint.at }),
    ...(meta.note === undefined ? {} : { note: meta.note }),
    change: changeOf(meta),
  };
}

function changeOf(meta: SessionMeta): NonNullable<SessionRow["change"]> {
  if (savedChange(meta)?.status === "captured") return holdsUnlandedChange(meta) ? "unlanded" : "landed";
  return meta.capture?.status === "unavailable" ? "unavailable" : "none";
}
