import { existsSync } from "node:fs";
import { attachSession } from "../session/attach.ts";
import { findSession } from "../session/find.ts";
import { jobFolderOf } from "../session/job-record.ts";
import { type Job, jobNotFound, recordedJob } from "../session/jobs.ts";
import type { Session } from "../session/session.ts";
import { type SessionFolder, sessionFolder } from "../session/store.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import type { Io } from "./io.ts";
import { usage } from "./parse.ts";
import { sessionFlag } from "./session-flags.ts";

/** How a job is named by the commands that are about one. */
export const jobArgs = {
  job: {
    type: "positional",
    required: true,
    complete: "job",
    description: "The job: SESSION/NUMBER, or its number alone with -s or in the session of this folder",
  },
  ...sessionFlag,
} as const;

/** The same for what is about one that runs. */
export const runningJobArgs = { ...jobArgs, job: { ...jobArgs.job, complete: "running-job" } } as const;

/** A job that is meant, before anything was asked about it. */
export interface JobTarget {
  readonly folder: SessionFolder;
  readonly number: number;
  /** Attaches to its session. */
  attach(): Promise<Session>;
}

/** Reads `SESSION/NUMBER` or `NUMBER`. Throws `usage`, or what finding the session throws. */
export function jobTarget(name: string, given: string, session: string | undefined, io: Io): JobTarget {
  const slash = given.lastIndexOf("/");
  const [before, digits] = slash < 0 ? [undefined, given] : [given.slice(0, slash), given.slice(slash + 1)];
  if (before !== undefined && session !== undefined)
    throw usage({ name }, `"${given}" names a session already; leave out -s.`);
  const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
  const id = findSession(around.home, before ?? session, io.cwd);
  if (!/^[1-9]\d{0,8}$/.test(digits)) throw jobNotFound(id, `"${digits}"`);
  return {
    folder: sessionFolder(around.home, id),
    number: Number(digits),
    attach: () => attachSession(around, { id, cwd: io.cwd }),
  };
}

/** The job if its end is on record here: then nobody has to be asked. `jobNotFound`. */
export function endedJob({ folder, number }: JobTarget): Job | undefined {
  const job = jobFolderOf(folder, number);
  if (!existsSync(job.path)) throw jobNotFound(folder.id, String(number));
  const known = recordedJob({ id: folder.id }, job);
  return known.state === "running" ? undefined : known;
}
