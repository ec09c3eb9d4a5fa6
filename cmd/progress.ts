import type { ProgressEvent } from "../runtimes/contract.ts";
import { fit } from "./columns.ts";

/** Shows `ProgressEvent`s to people. */
export interface ProgressRenderer {
  report(event: ProgressEvent): void;
  /** Takes what is drawn off the screen; the next report draws it again. Call it before anything else is written. */
  clear(): void;
  /** Ends the step that is shown. */
  finish(): void;
}

export interface ProgressOptions {
  /** Writes text as it is, without a line end of its own. */
  readonly write: (text: string) => void;
  /** Redraw one line; otherwise whole lines are printed, and only for work that lasts. */
  readonly interactive: boolean;
  readonly columns: () => number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** Between two looks at the clock, in milliseconds. */
  readonly tickMs?: number;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;
/** Work shorter than this prints nothing where lines cannot be redrawn. */
const LONG_MS = 2_000;
/** Between two lines about the same step. */
const REPEAT_MS = 15_000;

/** One line at a time: a spinner on a terminal, elsewhere a line once a step turns out to be long, then one every 15 s. */
export function createProgress(options: ProgressOptions): ProgressRenderer {
  const now = options.now ?? (() => performance.now());
  let step: { event: ProgressEvent; since: number; printed: number | undefined } | undefined;
  let drawn = false;
  let frame = 0;
  let timer: ReturnType<typeof setInterval> | undefined;

  const draw = () => {
    if (!step) return;
    frame = (frame + 1) % FRAMES.length;
    const text = `${FRAMES[frame]} ${describe(step.event, now() - step.since)}`;
    // Cut, so that a redrawn line never wraps.
    options.write(`\r\x1b[K${fit(text, options.columns() - 1)}`);
    drawn = true;
  };
  const print = () => {
    if (!step) return;
    const elapsed = now() - step.since;
    const due = step.printed === undefined ? LONG_MS : step.printed + REPEAT_MS;
    if (elapsed < due) return;
    step.printed = elapsed;
    options.write(`${describe(step.event, elapsed)}\n`);
  };
  const tick = options.interactive ? draw : print;
  const clear = () => {
    if (drawn) options.write("\r\x1b[K");
    drawn = false;
  };
  const finish = () => {
    clear();
    clearInterval(timer);
    timer = undefined;
    if (step?.printed !== undefined) options.write(`${describe(step.event, now() - step.since)}, done\n`);
    step = undefined;
  };

  return {
    report(event) {
      if (step && step.event.what !== event.what) finish();
      step = step ? { ...step, event } : { event, since: now(), printed: undefined };
      if (timer === undefined) {
        timer = setInterval(tick, options.tickMs ?? (options.interactive ? FRAME_MS : 500));
        // A spinner is no reason to keep the process.
        timer.unref();
      }
    },
    clear,
    finish,
  };
}

/** `Pulling ubuntu:24.04  12.3 of 29.7 MB  8 s` */
function describe(event: ProgressEvent, elapsedMs: number): string {
  const parts = [event.what];
  if (event.done !== undefined) parts.push(amount(event.done, event.total, event.unit));
  if (elapsedMs >= 1_000) parts.push(duration(elapsedMs));
  return parts.join("  ");
}

function amount(done: number, total: number | undefined, unit: ProgressEvent["unit"]): string {
  if (unit !== "bytes")
    return total === undefined ? `${done} ${unit ?? ""}`.trim() : `${done} of ${total} ${unit ?? ""}`.trim();
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  return total === undefined ? `${megabytes(done)} MB` : `${megabytes(done)} of ${megabytes(total)} MB`;
}

/** `8 s`, `2 min 5 s`, `1 h 2 min`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
