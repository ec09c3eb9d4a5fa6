import type { CaptureReport } from "./capture-hook.ts";
import type { LiveSession } from "./live-session.ts";
import { saveChange } from "./save.ts";

const WARN_MS = 300_000;
const SAVE_MS = 60_000;
/** The longest time that a timer takes, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * For a session whose sandbox ends by itself: says so a while before, and, in one that ends with this process, saves the change shortly before
 * (a keeper does that for the others). Of a short life the last half and quarter are that while. Holds up no process.
 */
export function watchDeadline(session: LiveSession): void {
  const { deadline } = session.runtime;
  if (deadline === undefined) return;
  const left = deadline.getTime() - session.now();
  at(left - Math.min(WARN_MS, left / 2), () => warn(session, deadline));
  if (session.meta.owner.kind === "process") at(left - Math.min(SAVE_MS, left / 4), () => save(session));
}

/** Says when that will be, at the start. */
export function tellDeadline({ id, runtime: { deadline }, voice, now }: LiveSession): void {
  if (deadline === undefined) return;
  voice.notice(`The sandbox of session ${id} ends by itself ${span(deadline, now())}, at ${deadline.toISOString()}.`);
}

/** "in 29 minutes" */
function span(until: Date, now: number): string {
  const seconds = Math.max(0, Math.round((until.getTime() - now) / 1_000));
  return `in ${seconds < 120 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`}`;
}

function at(ms: number, act: () => void): void {
  setTimeout(act, Math.min(Math.max(0, ms), LONGEST_TIMER)).unref();
}

function warn(session: LiveSession, deadline: Date): void {
  if (session.meta.state !== "open") return;
  session.voice.warn(
    `The sandbox of session ${session.id} ends by itself ${span(deadline, session.now())}, at ${deadline.toISOString()}; what runs in it then is cut off.`,
  );
}

function save(session: LiveSession): void {
  if (session.meta.state !== "open") return;
  const tell = (report: CaptureReport | undefined) => {
    if (report?.status === "unavailable")
      session.voice.warn(`The change could not be saved before the sandbox ends: ${report.message}`);
    if (report?.status === "captured")
      session.voice.notice(`What was changed so far is saved; glue session apply ${session.id} lands it.`);
  };
  // The close captures as well; this is only for the case that the sandbox is faster.
  saveChange(session).then(tell, (error: unknown) =>
    session.voice.warn(
      `The change could not be saved before the sandbox ends: ${error instanceof Error ? error.message : error}`,
    ),
  );
}
