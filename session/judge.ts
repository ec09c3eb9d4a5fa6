import { lstatSync } from "node:fs";
import { readCommandLog } from "./command-log.ts";
import { isLocked } from "./lock.ts";
import { isFinal, type SessionMeta } from "./meta.ts";
import { isAlive } from "./owner.ts";
import type { Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** Whether a session is without anybody who answers for it, as far as it can be proven. */
export interface Verdict {
  /** `orphan`: proven to be ours and dead. `kept`: somebody answers for it. `unknown`: not proven either way, so it is kept. */
  readonly verdict: "orphan" | "kept" | "unknown";
  /** A half sentence for people. */
  readonly why: string;
}

/**
 * Judges a session by its record, from the disk of this machine alone. A session of one process is an orphan when that process is
 * proven dead; an open one when its folder is gone, when it was unused for longer than `olderThanMs`, or when opening or closing it was
 * cut short.
 */
export async function judge(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  olderThanMs?: number,
): Promise<Verdict> {
  const verdict = judgeLocked(around, folder, meta, olderThanMs);
  return verdict.verdict === "orphan" && (await isLocked(folder.lock)) ? AT_WORK : verdict;
}

/** The same for a holder of the session's lock. */
export function judgeLocked(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  olderThanMs: number | undefined,
): Verdict {
  if (isFinal(meta.state)) return { verdict: "kept", why: `it is ${meta.state}` };
  const cutShort = meta.state === "intended" || meta.state === "created";
  if (meta.owner.kind === "process" || cutShort) {
    const owner = isAlive(meta.owner, around.facts);
    const cut = meta.owner.kind === "open" ? "its opening was cut short: " : "";
    return { verdict: VERDICTS[owner.state], why: cut + owner.why };
  }
  if (meta.owner.host !== around.facts.host) return { verdict: "unknown", why: "it was opened on another machine" };
  if (meta.state !== "open") return { verdict: "orphan", why: "closing it was cut short" };
  if (isGone(meta.tree.top)) return { verdict: "orphan", why: `its folder ${meta.tree.top} is gone` };
  return judgeUse(around, folder, meta, olderThanMs);
}

const VERDICTS = { alive: "kept", dead: "orphan", unknown: "unknown" } as const;
const AT_WORK: Verdict = { verdict: "kept", why: "a glue process is at work on it" };

/** When the session was last used, in milliseconds since 1970: its log grows with every command. */
export function lastUsed(folder: SessionFolder, meta: SessionMeta): number {
  const log = lstatSync(folder.events, { throwIfNoEntry: false });
  return Math.max(log?.mtimeMs ?? 0, Date.parse(meta.createdAt));
}

/** Whether a command of the session runs, or may. */
export function isInUse(around: Surroundings, folder: SessionFolder): boolean {
  return readCommandLog(folder.events, around.facts).commands.some((command) => command.state === "running");
}

function judgeUse(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  olderThanMs: number | undefined,
): Verdict {
  const unusedMs = around.now() - lastUsed(folder, meta);
  if (olderThanMs === undefined || unusedMs <= olderThanMs)
    return { verdict: "kept", why: `it is open for ${meta.tree.top}` };
  if (isInUse(around, folder)) return { verdict: "kept", why: "a command runs in it" };
  return { verdict: "orphan", why: `it was not used for ${Math.floor(unusedMs / 60_000)} minutes` };
}

/** Only what is not there is gone: a folder that may not be looked at may well exist. */
function isGone(path: string): boolean {
  try {
    lstatSync(path);
    return false;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    return code === "ENOENT" || code === "ENOTDIR";
  }
}
