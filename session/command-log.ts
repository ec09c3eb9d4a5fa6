import { readEvents, type SessionEvent } from "./events.ts";
import { isAlive, type MachineFacts } from "./owner.ts";

/** One command of a session, from all that was recorded of it. */
export interface CommandEntry {
  readonly command: string;
  /** `unknown`: the glue that ran it died before it could say how it ended. */
  readonly state: "running" | "ended" | "cancelled" | "failed" | "unknown";
  readonly argv?: readonly string[];
  readonly script?: string;
  /** True when `argv` or `script` is only the beginning. */
  readonly cut?: boolean;
  readonly cwd?: string;
  readonly env?: readonly string[];
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly exitCode?: number;
  readonly outcome?: "exited" | "signalled" | "timeout" | "cancelled";
  readonly ms?: number;
  readonly stdoutBytes?: number;
  readonly stderrBytes?: number;
  readonly outputLost?: boolean;
  /** Why it failed. */
  readonly code?: string;
  readonly message?: string;
  readonly pid: number;
  /** Its number, where it is a job. */
  readonly job?: number;
}

/** The history of a session. */
export interface CommandLog {
  /** In the order in which they were started. */
  readonly commands: readonly CommandEntry[];
  /** When the session opened, closed and so on. */
  readonly states: readonly Extract<SessionEvent, { type: "session" }>[];
  /** Lines that could not be read. */
  readonly damagedLines: number;
}

type Started = Extract<SessionEvent, { type: "started" }>;
type Ended = Exclude<SessionEvent, { type: "started" | "session" }>;

/** Reads a session's history from its events.jsonl, also while commands run. */
export function readCommandLog(path: string, facts: MachineFacts): CommandLog {
  const { events, damagedLines } = readEvents(path);
  const ends = new Map<string, Ended>();
  for (const event of events) if (event.type !== "started" && event.type !== "session") ends.set(event.command, event);
  return {
    commands: events
      .filter((event) => event.type === "started")
      .map((event) => entryOf(event, ends.get(event.command), facts)),
    states: events.filter((event) => event.type === "session"),
    damagedLines,
  };
}

function entryOf(started: Started, ended: Ended | undefined, facts: MachineFacts): CommandEntry {
  const { at, type: _, by, ...rest } = started;
  const base = { ...rest, startedAt: at, pid: by.pid };
  if (ended === undefined) {
    // A job needs nobody who is at it; that it ended is written down by whoever sees it.
    if (started.job !== undefined) return { ...base, state: "running" };
    // Whoever cannot be proven dead may still be at it: only a dead glue's command is of unknown outcome.
    const state = isAlive({ kind: "process", ...by }, facts).state === "dead" ? "unknown" : "running";
    return { ...base, state };
  }
  const { at: endedAt, type: state, command: __, ...result } = ended;
  return { ...base, ...result, state, endedAt };
}
