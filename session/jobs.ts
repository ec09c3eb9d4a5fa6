/** The jobs of a session: commands that outlive the process that started them, for any process that reaches the session. */
import { closeSync, openSync, readSync } from "node:fs";
import {
  type JobLook,
  type JobOffsets,
  type JobPlace,
  jobFolder,
  killJob as killIn,
  lookAtJobs,
  outputFile,
  outputOfJob,
} from "../runtimes/common/jobs.ts";
import type { ByteStream, CommandResult } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { appendEvent } from "./append-event.ts";
import {
  type JobEnd,
  type JobFolder,
  type JobRecord,
  jobFolderOf,
  jobNumbers,
  readEnd,
  readRecord,
  writeEnd,
} from "./job-record.ts";
import type { Session } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** One job, as far as it is known. Times are ISO 8601. */
export interface Job {
  /** `<session>/<number>`: names it for every command. */
  readonly id: string;
  readonly session: string;
  readonly number: number;
  /** `unknown`: it does not run any more, or its sandbox is out of reach, and nobody saw how it ended. */
  readonly state: "running" | "ended" | "unknown";
  readonly argv?: readonly string[];
  readonly script?: string;
  /** True when `argv` or `script` is only the beginning. */
  readonly cut?: boolean;
  /** The folder it was started in, as the sandbox sees it. */
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** How it ended, as `CommandResult` has it. */
  readonly exitCode?: number;
  readonly outcome?: CommandResult["outcome"];
  /** Bytes written so far, or in all; left out where nobody can say. */
  readonly stdoutBytes?: number;
  readonly stderrBytes?: number;
}

/** Where jobs are recorded, and where their ends are written down. */
type JobsOf = Pick<Session, "id" | "folder" | "now">;

/** A job as it is on record here, without asking its sandbox: `running` until somebody saw it end. */
export function recordedJob(session: Pick<JobsOf, "id">, folder: JobFolder, look?: JobLook): Job {
  const record = readRecord(folder);
  const end = readEnd(folder);
  const { command: _, event: __, formatVersion: ___, ...told } = record ?? ({ cwd: "." } as Partial<JobRecord>);
  return {
    id: `${session.id}/${folder.number}`,
    session: session.id,
    number: folder.number,
    ...(told as Omit<JobRecord, "command" | "event" | "formatVersion">),
    ...(end === undefined ? liveFacts(look) : endFacts(end)),
  };
}

function liveFacts(look: JobLook | undefined): Pick<Job, "state"> & Partial<Job> {
  if (look === undefined) return { state: "running" };
  const { stdoutBytes, stderrBytes } = look;
  return { state: look.state === "running" ? "running" : "unknown", stdoutBytes, stderrBytes };
}

function endFacts(end: JobEnd): Pick<Job, "state"> & Partial<Job> {
  const { formatVersion: _, state, ...facts } = end;
  return { ...facts, state: state === "over" ? "ended" : "unknown" };
}

/** The jobs of a session from the disk alone; for one whose sandbox is out of reach. */
export function recordedJobs(session: Pick<JobsOf, "id" | "folder">): Job[] {
  return jobNumbers(session.folder).map((number) => recordedJob(session, jobFolderOf(session.folder, number)));
}

/** The jobs of a session. The sandbox is asked once, about those whose end was not seen yet. */
export async function listJobs(session: Session): Promise<Job[]> {
  const looks = await lookAtOpen(session);
  return jobNumbers(session.folder).map((number) =>
    recordedJob(session, jobFolderOf(session.folder, number), looks.get(number)),
  );
}

/** The numbers of the jobs whose end nobody has seen: a look at the disk, and nothing at all where there are no jobs. */
export function openJobs(folder: SessionFolder): number[] {
  return jobNumbers(folder).filter((number) => readEnd(jobFolderOf(folder, number)) === undefined);
}

/**
 * Sees to it that the end of every job that is over is on record: whether one runs that nobody asks about, only the sandbox knows. Resolves with
 * what it says of those whose end was not seen yet, by their numbers.
 */
export async function settleJobs(session: Session): Promise<ReadonlyMap<number, JobLook>> {
  return openJobs(session.folder).length > 0 ? await lookAtOpen(session) : new Map();
}

/** One job; `jobNotFound` where the session has none of that number. */
export async function findJob(session: Session, number: number): Promise<Job> {
  const { folder } = placeOf(session, number);
  const looks = await lookAtOpen(session, [number]);
  return recordedJob(session, folder, looks.get(number));
}

/**
 * Waits until a job is over, or at most `waitMs`: then it is still `running`. An abort of `signal` ends the waiting (`cancelled`) and not
 * the job.
 */
export async function waitJob(
  session: Session,
  number: number,
  options: { waitMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<Job> {
  const { folder, place } = placeOf(session, number);
  const until = performance.now() + (options.waitMs ?? Number.POSITIVE_INFINITY);
  let look: JobLook | undefined;
  while (readEnd(folder) === undefined) {
    const left = Math.max(0, until - performance.now());
    [look] = await lookAtJobs(session.runtime, [place], { waitMs: Math.min(left, TURN_MS), signal: options.signal });
    if (look !== undefined) settle(session, folder, look);
    if (look?.state !== "running" || performance.now() >= until) break;
  }
  return recordedJob(session, folder, look);
}

/** How long one call waits in the sandbox: no connection has to live longer than that. */
const TURN_MS = 240_000;

/** Ends a job with all that it started: TERM, and KILL after the grace. One that is over is no error. */
export async function killJob(
  session: Session,
  number: number,
  options: { graceMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<Job> {
  const { folder, place } = placeOf(session, number);
  if (readEnd(folder) !== undefined) return recordedJob(session, folder);
  const graceMs = options.graceMs ?? session.options.kill_grace_seconds * 1_000;
  const look = await killIn(session.runtime, place, { graceMs, signal: options.signal });
  settle(session, folder, look);
  return recordedJob(session, folder, look);
}

/** A range of one stream of a job's output, from the sandbox; shorter where the stream is. Bytes. */
export async function readJob(
  session: Session,
  number: number,
  stream: "stdout" | "stderr",
  range: { offset: number; length: number },
): Promise<Uint8Array> {
  const { place } = placeOf(session, number);
  return await session.runtime.workspace.read(outputFile(place, stream), range);
}

/** The same from what was saved when the session was closed. `fileNotFound` where nothing was. */
export function readSavedJob(
  folder: SessionFolder,
  number: number,
  stream: "stdout" | "stderr",
  range: { offset: number; length: number },
): Uint8Array {
  const bytes = new Uint8Array(range.length);
  let fd: number;
  try {
    fd = openSync(jobFolderOf(folder, number)[stream], "r");
  } catch (cause) {
    throw new GlueError("fileNotFound", `The output of job ${folder.id}/${number} was not saved.`, { cause });
  }
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, range.length, range.offset));
  } finally {
    closeSync(fd);
  }
}

/**
 * The whole output of a job as two streams, byte for byte, each from its offset on: what there is now, or with `follow` until it is over.
 * `done` rejects where not all of it came.
 */
export async function followJob(
  session: Session,
  number: number,
  options: { from?: JobOffsets; follow?: boolean; signal?: AbortSignal | undefined } = {},
): Promise<{ stdout: ByteStream; stderr: ByteStream; done: Promise<void> }> {
  return await outputOfJob(session.runtime, placeOf(session, number).place, options);
}

async function lookAtOpen(session: Session, numbers = openJobs(session.folder)): Promise<Map<number, JobLook>> {
  const open = numbers.flatMap((number) => {
    const found = placeOf(session, number);
    return readEnd(found.folder) === undefined ? [{ number, ...found }] : [];
  });
  const looks = await lookAtJobs(
    session.runtime,
    open.map(({ place }) => place),
  );
  const found = new Map<number, JobLook>();
  for (const [i, { number, folder }] of open.entries()) {
    const look = looks[i];
    if (look === undefined) continue;
    settle(session, folder, look);
    found.set(number, look);
  }
  return found;
}

/** Longer than starting a job takes: until then one that the sandbox knows nothing of may be about to begin. */
const STARTING_MS = 120_000;

/** Writes down that a job ended, once. */
export function settle(session: JobsOf, folder: JobFolder, look: JobLook): void {
  if (look.state === "running") return;
  const record = readRecord(folder);
  if (look.state === "gone" && record !== undefined) {
    if (session.now() - Date.parse(record.startedAt) < STARTING_MS) return;
  }
  const { result, startedAt, endedAt, stdoutBytes, stderrBytes } = look;
  const first = writeEnd(folder, {
    formatVersion: 1,
    state: result === undefined ? "lost" : "over",
    ...(result === undefined ? {} : { exitCode: result.exitCode, outcome: result.outcome }),
    ...(startedAt === undefined ? {} : { startedAt: startedAt.toISOString() }),
    ...(endedAt === undefined ? {} : { endedAt: endedAt.toISOString() }),
    stdoutBytes,
    stderrBytes,
  });
  if (!first || record === undefined) return;
  const at = new Date(session.now()).toISOString();
  const ms = startedAt === undefined || endedAt === undefined ? 0 : endedAt.getTime() - startedAt.getTime();
  if (result === undefined) {
    const message = "Nobody saw how the job ended.";
    appendEvent(session.folder.events, {
      at,
      type: "failed",
      command: record.event,
      code: "outcomeUnknown",
      message,
      ms,
    });
    return;
  }
  const { exitCode, outcome } = result;
  const type = outcome === "cancelled" ? "cancelled" : "ended";
  appendEvent(session.folder.events, {
    at,
    type,
    command: record.event,
    exitCode,
    outcome,
    ms,
    stdoutBytes,
    stderrBytes,
  });
}

/** Where the job of that number is, here and in the sandbox; `jobNotFound` where there is none. */
export function placeOf(session: Session, number: number): { folder: JobFolder; place: JobPlace } {
  const folder = jobFolderOf(session.folder, number);
  const record = readRecord(folder);
  if (record === undefined) throw jobNotFound(session.id, String(number));
  return { folder, place: { folder: jobFolder(session.runtime, `${session.id}-${number}`), command: record.command } };
}

/** There is no job of that name. */
export function jobNotFound(session: string, given: string): GlueError {
  return new GlueError("jobNotFound", `There is no job ${given} in session ${session}.`, {
    hint: `glue job list -s ${session} shows those that there are.`,
  });
}
