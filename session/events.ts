import { readFileSync } from "node:fs";
import * as v from "valibot";
import { homeError } from "./home.ts";
import { STATES } from "./meta.ts";
import { handleSchema } from "./meta-schema.ts";

const by = v.object({ host: v.string(), boot: v.string(), pid: v.number(), pidStart: v.string() });
const at = v.string();
/** Names one command among all of a session. */
const command = v.string();
const bytes = v.exactOptional(v.number());

const eventSchema = v.variant("type", [
  /** Written before the command is started, so that a killed glue leaves a trace of it. */
  v.object({
    at,
    type: v.literal("started"),
    command,
    by,
    argv: v.exactOptional(v.array(v.string())),
    script: v.exactOptional(v.string()),
    cwd: v.exactOptional(v.string()),
    /** Names only. */
    env: v.exactOptional(v.array(v.string())),
    timeoutMs: v.exactOptional(v.number()),
    /** True when the command's text was too long to be written whole. */
    cut: v.exactOptional(v.boolean()),
    /** The number of a job: it goes on when the process that started it ends. */
    job: v.exactOptional(v.number()),
  }),
  v.object({
    at,
    type: v.picklist(["ended", "cancelled"]),
    command,
    exitCode: v.number(),
    outcome: v.picklist(["exited", "signalled", "timeout", "cancelled"]),
    ms: v.number(),
    /** Bytes that glue carried; left out where the command wrote to the terminal by itself. */
    stdoutBytes: bytes,
    stderrBytes: bytes,
    outputLost: v.exactOptional(v.boolean()),
  }),
  /** It could not be started, or nobody can say how it ended. */
  v.object({ at, type: v.literal("failed"), command, code: v.string(), message: v.string(), ms: v.number() }),
  /** The session itself entered a state. With its sandbox's handle, so that a lost record can be mended from the log. */
  v.object({
    at,
    type: v.literal("session"),
    state: v.picklist(STATES),
    by,
    note: v.exactOptional(v.string()),
    handle: v.exactOptional(handleSchema),
  }),
]);

/** One line of events.jsonl. `at` is ISO 8601 in UTC, `ms` milliseconds by a clock that does not jump. */
export type SessionEvent = v.InferOutput<typeof eventSchema>;

/** What events.jsonl says, and how many of its lines could not be read. */
export interface EventLog {
  readonly events: readonly SessionEvent[];
  readonly damagedLines: number;
}

/** Reads events.jsonl; a session without one has no events. A line that a crash left unfinished costs that line alone. */
export function readEvents(path: string): EventLog {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return { events: [], damagedLines: 0 };
    throw homeError(cause, path);
  }
  const events: SessionEvent[] = [];
  let damagedLines = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const whole = parseEvent(line);
    const event = whole ?? afterTorn(line);
    if (event !== undefined) events.push(event);
    if (whole === undefined) damagedLines += 1;
  }
  return { events, damagedLines };
}

const LINE_START = '{"at":';

/** A torn line has no end of its own, so the next one stands behind it in the same line and is found by how lines begin. */
function afterTorn(line: string): SessionEvent | undefined {
  for (let from = line.indexOf(LINE_START, 1); from !== -1; from = line.indexOf(LINE_START, from + 1)) {
    const event = parseEvent(line.slice(from));
    if (event !== undefined) return event;
  }
  return undefined;
}

function parseEvent(text: string): SessionEvent | undefined {
  try {
    const read = v.safeParse(eventSchema, JSON.parse(text));
    return read.success ? read.output : undefined;
  } catch {
    // Torn, or of another writer; the caller counts it.
    return undefined;
  }
}
