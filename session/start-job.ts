import { isAbsolute, posix } from "node:path";
import { newCommandId } from "../runtimes/common/command-id.ts";
import { jobFolder, startJob as startIn } from "../runtimes/common/jobs.ts";
import type { Command, RunOptions } from "../runtimes/contract.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { withDefaults } from "./command-defaults.ts";
import { randomName } from "./id.ts";
import { forgetJob, type JobFolder, makeJobFolder, writeRecord } from "./job-record.ts";
import { type Job, recordedJob } from "./jobs.ts";
import { maskFor } from "./mask.ts";
import { describe, recorder, refuseIfChanged, startedEvent } from "./run-command.ts";
import type { Session } from "./session.ts";

/** A job's stdin is at its end, and it has no terminal. */
export type JobOptions = Pick<RunOptions, "cwd" | "env" | "timeoutMs" | "graceMs" | "signal">;

/**
 * Starts a command that outlives this process, and resolves when it runs. It is on record before it is started. Errors as of
 * `CommandExecutor.run`; `sessionClosed` where the session is being closed.
 */
export async function startJob(session: Session, command: Command, options: JobOptions = {}): Promise<Job> {
  const full = withDefaults(session.meta, options, session.env);
  const mask = maskFor(session.options, session.env, full.env ?? {});
  const folder = makeJobFolder(session.folder);
  const name = `${session.now().toString(36)}${randomName(5)}`;
  const event = { ...startedEvent(session, name, full), ...describe(command, mask) };
  const id = newCommandId(session.id);
  const cwd = atWorkspace(session, full.cwd ?? session.startFolder);
  writeRecord(folder, {
    formatVersion: 1,
    command: id,
    event: name,
    ...describe(command, mask),
    cwd,
    ...(full.timeoutMs === undefined ? {} : { timeoutMs: full.timeoutMs }),
    startedAt: event.at,
  });
  const record = recorder(session);
  record({ ...event, job: folder.number });
  const started = performance.now();
  try {
    await refuseIfChanged(session);
    const place = { folder: jobFolder(session.runtime, `${session.id}-${folder.number}`), command: id };
    await startIn(session.runtime, place, command, {
      cwd,
      ...(full.env === undefined ? {} : { env: full.env }),
      ...(full.timeoutMs === undefined ? {} : { timeoutMs: full.timeoutMs }),
      ...(full.signal === undefined ? {} : { signal: full.signal }),
      graceMs: full.graceMs ?? session.options.kill_grace_seconds * 1_000,
    });
  } catch (error) {
    const code = isGlueError(error) ? error.code : "internal";
    const message = mask(error instanceof Error ? error.message : String(error));
    const at = new Date(session.now()).toISOString();
    record({ at, type: "failed", command: name, code, message, ms: Math.round(performance.now() - started) });
    forgetUnlessUnsure(folder, error);
    throw error;
  }
  return recordedJob(session, folder);
}

/** Where nobody can say whether it runs, it stays on record: the sandbox may tell. */
function forgetUnlessUnsure(folder: JobFolder, error: unknown): void {
  if (isGlueError(error) && error.code !== "outcomeUnknown" && error.code !== "runtimeUnreachable") forgetJob(folder);
}

function atWorkspace(session: Session, path: string): string {
  return isAbsolute(path) ? path : posix.join(session.runtime.paths.workspace, path);
}
