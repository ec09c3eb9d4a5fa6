/** Saves the change of a session again and again while a glue process of it lives, so that the death of the sandbox costs little. */
import { existsSync, statSync } from "node:fs";
import { isGlueError } from "../spec/glue-error.ts";
import type { CaptureReport } from "./capture-hook.ts";
import { readCommandLog } from "./command-log.ts";
import { isInUse } from "./judge.ts";
import type { LiveSession } from "./live-session.ts";
import { saveChange } from "./save.ts";

/** What makes the checkpoints of one session, until it is stopped. */
export interface Checkpoints {
  /** Resolves when none is being made any more. */
  stop(): Promise<void>;
}

/** For the checkpoint that is being made when no more are wanted, in milliseconds. */
const LAST_MS = 5_000;

export interface CheckpointTimes {
  /** Between two checkpoints; what is lost at most, but for the time that one takes. Milliseconds. */
  readonly everyMs: number;
}

/**
 * Makes a checkpoint every `everyMs` in which something ran. Nothing else changes a tree, so that a sandbox at rest is not disturbed: some
 * of them sleep. `gone` is called once, when the sandbox turns out to be gone for good. One that fails otherwise is tried again with the next.
 */
export function keepCheckpoints(
  session: LiveSession,
  { everyMs }: CheckpointTimes,
  gone: () => void = () => undefined,
): Checkpoints {
  const size = () => statSync(session.folder.events, { throwIfNoEntry: false })?.size ?? 0;
  let seen = mayBeUnsaved(session) ? -1 : size();
  let failing = false;
  let making: Promise<void> | undefined;
  const ending = new AbortController();
  const make = async () => {
    // A job that ended unseen would count as one that runs.
    const looks = existsSync(session.folder.jobs) ? await (await import("./jobs.ts")).settleJobs(session) : undefined;
    const now = size();
    if (now === seen && !isInUse(session, session.folder)) return;
    if (looks !== undefined) await (await import("./job-output.ts")).saveOutputSoFar(session, looks);
    const report = await save(session, ending.signal);
    if (report === undefined) return;
    if (report.status !== "unavailable") {
      seen = now;
      failing = false;
      return;
    }
    if (!failing) session.voice.warn(`No checkpoint could be made (${report.reason}): ${report.message}`);
    failing = true;
    if (report.mayRelease) gone();
  };
  const tick = () => {
    making ??= make()
      // The session is none the worse for a checkpoint that was not made: the last one stands.
      .catch((error: unknown) => session.voice.warn(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        making = undefined;
      });
  };
  const timer = setInterval(tick, everyMs);
  timer.unref();
  const overdue =
    seen === -1 && session.now() - Date.parse(session.meta.checkpoint?.at ?? session.meta.stateAt) >= everyMs;
  if (overdue) tick();
  return {
    async stop() {
      clearInterval(timer);
      // What comes next captures as well, or leaves it to the next process; one that makes no headway is not waited for.
      const late = setTimeout(() => ending.abort(), LAST_MS);
      await making;
      clearTimeout(late);
    },
  };
}

/** Whether something ran that no checkpoint came after: in a session that this process only came to. */
function mayBeUnsaved({ folder, facts, meta }: LiveSession): boolean {
  if (readCommandLog(folder.events, facts).commands.length === 0) return false;
  if (meta.checkpoint === undefined) return true;
  return (statSync(folder.events, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= Date.parse(meta.checkpoint.at);
}

/** Undefined where another process is at work on the session: its turn comes again. */
async function save(session: LiveSession, signal: AbortSignal): Promise<CaptureReport | undefined> {
  try {
    return await saveChange(session, signal);
  } catch (error) {
    if (isGlueError(error, "sessionBusy")) return undefined;
    throw error;
  }
}
