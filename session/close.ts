import { existsSync } from "node:fs";
import { loadRuntime } from "../runtimes/factory.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import {
  type CaptureOccasion,
  type CaptureReport,
  capture,
  captureGapLine,
  checkpointLine,
  recordOf,
} from "./capture-hook.ts";
import { isListed } from "./finish-gone.ts";
import type { LiveSession } from "./live-session.ts";
import { takeLock } from "./lock.ts";
import { isFinal, type SessionMeta, type SessionState } from "./meta.ts";
import { type Changes, logState, recordState } from "./record.ts";
import { keepsSandbox } from "./runtime-options.ts";
import type { CloseOptions, CloseReport } from "./session.ts";

/**
 * Ends a session, under its lock: stops what runs in it, brings its change here, releases the sandbox; each step is recorded before
 * it is begun. Whoever comes second waits, and reports what the first did. What keeps it from ending is the report's `problem`; the
 * sandbox is then still there, and the session can be closed again.
 */
export async function closeSession(session: LiveSession, options: CloseOptions = {}): Promise<CloseReport> {
  const { signal, waitMs = Number.POSITIVE_INFINITY } = options;
  const lock = await takeLock({
    path: session.folder.lock,
    doing: "closing the session",
    facts: session.facts,
    waitMs,
    onWait: (holder) =>
      session.voice.notice(`Waiting for process ${holder?.pid ?? "?"}: ${holder?.doing ?? "at work on this session"}.`),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    // Nobody else writes the record of a session whose own process lives.
    if (session.meta.owner.kind === "open") session.meta = (await import("./read-meta.ts")).readMeta(session.folder);
    return await closeLocked(session, "close");
  } finally {
    lock.release();
    if (session.meta.owner.kind === "open")
      await (await import("./spawn-keeper.ts")).dismissKeeper(session, session.folder);
  }
}

/** The same for a caller that holds the lock and has just read the record. `note` says why, where nobody asked for it. */
export async function closeLocked(
  session: LiveSession,
  occasion: CaptureOccasion,
  note?: string,
): Promise<CloseReport> {
  if (isFinal(session.meta.state)) return { ...closedReport(session.meta), already: true };
  if (session.meta.state !== "captured") {
    const problem = await bringBack(session, occasion);
    if (problem !== undefined) return { ...closedReport(session.meta), problem };
  }
  const kept = keepsSandbox(session.meta, session.options);
  try {
    await (kept ? leave(session) : session.runtime.close());
  } catch (error) {
    if (!isGlueError(error)) throw error;
    return { ...closedReport(session.meta), problem: error };
  }
  const { capture } = session.meta;
  const why = capture?.message ?? note;
  enter(session, capture?.status === "unavailable" ? "lost" : "closed", {
    ...(kept ? { kept } : {}),
    ...(why === undefined ? {} : { note: why }),
  });
  logState(session, session.folder, session.meta);
  if (session.meta.state === "lost" && existsSync(session.folder.jobs))
    (await import("./job-output.ts")).settleForGood(session.folder);
  return closedReport(session.meta);
}

/** Lets go of a sandbox that outlives its session. */
export async function leave({ runtime }: Pick<LiveSession, "runtime">): Promise<void> {
  await (runtime.leave === undefined ? runtime.detach() : runtime.leave());
}

/** Stops what runs and captures the change. Returns what forbids releasing the sandbox; the session is then open again. */
async function bringBack(session: LiveSession, occasion: CaptureOccasion): Promise<GlueError | undefined> {
  enter(session, "closing");
  const unsaved = existsSync(session.folder.jobs) ? await endAndSaveJobs(session) : await stopEverything(session);
  if (unsaved !== undefined) return unsaved;
  if (session.meta.mode === "direct") return undefined;
  let report = await capture(session, occasion);
  if (report.reason === "executorDead" && report.mayRelease && (await revive(session)))
    report = await capture(session, occasion);
  if (report.status === "unavailable") {
    session.voice.warn(captureGapLine(report));
    const saved = checkpointLine(session.meta);
    if (saved !== undefined) session.voice.warn(saved);
  }
  if (report.mayRelease && !(await mayHoldMore(session, report))) {
    enter(session, "captured", { capture: recordOf(report) });
    return undefined;
  }
  const note = report.message ?? "its change could not be captured";
  enter(session, "open", { capture: recordOf(report), note });
  return new GlueError("captureFailed", `The change of session ${session.id} could not be captured: ${note}.`, {
    hint: `Its sandbox is kept. Run glue session close ${session.id} again; glue session rm --force ${session.id} gives the change up.`,
  });
}

/** Starts a sandbox that has stopped again, so that what is in it can be saved. False where that cannot be. */
async function revive({ meta, options, voice }: LiveSession): Promise<boolean> {
  const runtime = await loadRuntime(meta.runtime);
  try {
    if (runtime.revive === undefined) return false;
    await runtime.revive(meta.handle, options);
    voice.notice("Its sandbox had stopped; it was started again to save the change.");
    return true;
  } catch (error) {
    // Whether it is there at all is asked next.
    if (isGlueError(error)) return false;
    throw error;
  }
}

/** Whether a sandbox that could not be entered is still there: a container that has stopped keeps its files. */
async function mayHoldMore({ meta, options }: LiveSession, report: CaptureReport): Promise<boolean> {
  if (report.status !== "unavailable" || report.reason !== "executorDead") return false;
  try {
    return await isListed(await loadRuntime(meta.runtime), options, meta);
  } catch (error) {
    // Not known is not gone.
    if (isGlueError(error)) return true;
    throw error;
  }
}

/** Jobs first, so that how each ended is on record; then what is left. What they wrote is part of the session and has to be safe. */
async function endAndSaveJobs(session: LiveSession): Promise<GlueError | undefined> {
  const { endJobs, saveJobOutput } = await import("./finish-jobs.ts");
  try {
    await endJobs(session);
    await stopEverything(session);
    await saveJobOutput(session);
    return undefined;
  } catch (error) {
    if (!isGlueError(error)) throw error;
    if (error.code === "sandboxGone") return undefined;
    enter(session, "open", { note: `the output of its jobs could not be saved: ${error.message}` });
    return new GlueError(
      "captureFailed",
      `The output of the jobs of session ${session.id} could not be saved: ${error.message}`,
      {
        hint: `Its sandbox is kept. Run glue session close ${session.id} again; glue session rm --force ${session.id} gives the output up.`,
        cause: error,
      },
    );
  }
}

async function stopEverything(session: LiveSession): Promise<undefined> {
  try {
    await session.runtime.killAll();
  } catch (error) {
    if (!isGlueError(error)) throw error;
    // In a sandbox that is gone nothing runs; whatever else is wrong with it, capture and release say so by themselves.
    if (error.code !== "sandboxGone")
      session.voice.warn(`What runs in session ${session.id} could not be stopped: ${error.message}`);
  }
}

function enter(session: LiveSession, state: SessionState, changes: Changes = {}): void {
  session.meta = recordState(session, session.folder, session.meta, state, changes);
}

/** What the record says of how a session ended. */
export function closedReport(meta: SessionMeta): CloseReport {
  return { state: meta.state, already: false, kept: meta.kept === true, capture: meta.capture, problem: undefined };
}
