import { attachSession } from "../session/attach.ts";
import { type Job, listJobs, openJobs, waitJob } from "../session/jobs.ts";
import type { Session, Surroundings } from "../session/session.ts";
import { sessionFolder } from "../session/store.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import type { Io } from "./io.ts";
import { usage } from "./parse.ts";

/** What the caller says about jobs that run. */
export interface JobsAtClose {
  readonly "kill-jobs": boolean;
  readonly wait: boolean;
}

/**
 * Returns when a session may be closed: no job runs in it, or those that do may be ended. Where nothing was said the person at the terminal
 * is asked; `jobsRunning` where there is none, or the answer is no.
 */
export async function mayClose(
  around: Surroundings,
  id: string,
  options: JobsAtClose,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  if (options["kill-jobs"] && options.wait)
    throw usage({ name: "session close" }, "--kill-jobs and --wait are two ways; give one.");
  if (options["kill-jobs"] || openJobs(sessionFolder(around.home, id)).length === 0) return;
  let session: Session;
  try {
    session = await attachSession(around, { id, cwd: io.cwd });
  } catch (error) {
    // Nothing runs in a sandbox that is gone, nor in a session that is over; what closing has to say about it, it says itself.
    if (isGlueError(error, "sandboxGone") || isGlueError(error, "sessionClosed")) return;
    throw error;
  }
  try {
    const running = (await listJobs(session)).filter(({ state }) => state === "running");
    if (running.length === 0) return;
    if (options.wait) return await waitForAll(session, running, io, signal);
    const what = `${running.length === 1 ? "A job runs" : `${running.length} jobs run`} in session ${id}: ${shortList(running)}.`;
    const asked = io.terminal.isTTY(0) && io.terminal.isTTY(2);
    if (asked && (await yes(`${what} End ${running.length === 1 ? "it" : "them"}? [y/N] `, io, signal))) return;
    throw new GlueError("jobsRunning", asked ? "The session stays open." : what, {
      hint: "--kill-jobs ends them, --wait waits for them.",
    });
  } finally {
    await session.detach();
  }
}

async function waitForAll(session: Session, running: readonly Job[], io: Io, signal: AbortSignal): Promise<void> {
  io.notice(`Waiting for ${shortList(running)}.`);
  await Promise.all(running.map(({ number }) => waitJob(session, number, { signal })));
}

function shortList(jobs: readonly Job[]): string {
  const shown = jobs.slice(0, 5).map(({ id, argv, script }) => {
    const text = (argv?.join(" ") ?? script ?? "").replaceAll(/\s+/g, " ");
    return `${id} (${text.length > 40 ? `${text.slice(0, 39)}…` : text})`;
  });
  return shown.join(", ") + (jobs.length > 5 ? ", …" : "");
}

/** Asks on the terminal. Anything but a word that begins with y is no. */
async function yes(question: string, io: Io, signal: AbortSignal): Promise<boolean> {
  io.endProgress();
  io.terminal.write(2, new TextEncoder().encode(question));
  const reader = io.terminal.stdin().getReader();
  const interrupted = new Promise<undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined));
  });
  const answer = await Promise.race([reader.read(), interrupted]);
  if (answer === undefined) throw new GlueError("cancelled", "Interrupted.");
  return /^\s*y/i.test(new TextDecoder().decode(answer.value));
}
