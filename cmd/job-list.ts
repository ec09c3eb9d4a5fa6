import { attachSession } from "../session/attach.ts";
import { findSession } from "../session/find.ts";
import { type Job, listJobs, openJobs, recordedJobs } from "../session/jobs.ts";
import type { Surroundings } from "../session/session.ts";
import { sessionFolder } from "../session/store.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { columns } from "./columns.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import type { Io } from "./io.ts";
import { duration } from "./progress.ts";
import { sessionFlag } from "./session-flags.ts";

export const command = defineCommand({
  name: "job list",
  summary: "List the jobs of a session, and how each ended.",
  description:
    "Those that run are asked about in the sandbox. Of a session that has ended, or whose sandbox is out of reach, what is on record is shown.",
  args: { ...sessionFlag, ...outputFlags },
  examples: [
    { run: "glue job list", does: "of the session that is open for this folder" },
    { run: "glue job list -s mia1 --json", does: "of another one, for tools" },
  ],
  async run(options, io) {
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const id = findSession(around.home, options.session, io.cwd);
    const jobs = await jobsOf(around, id, io);
    if (io.json) io.outJson({ schemaVersion: 1, id, jobs });
    else if (jobs.length === 0) io.notice(`No jobs in session ${id}. glue exec --detach -- CMD starts one.`);
    else if (io.quiet) io.out(jobs.map((job) => `${job.id}\n`).join(""));
    else {
      const rows = [["JOB", "STATE", "TIME", "OUTPUT", "COMMAND"], ...jobs.map((job) => cells(job, around.now()))];
      io.out(columns(rows, io.terminal.isTTY(1) ? { width: io.width(1) } : {}));
    }
    return 0;
  },
});

async function jobsOf(around: Surroundings, id: string, io: Io): Promise<Job[]> {
  const folder = sessionFolder(around.home, id);
  if (openJobs(folder).length === 0) return recordedJobs({ id, folder });
  try {
    const session = await attachSession(around, { id, cwd: io.cwd });
    try {
      return await listJobs(session);
    } finally {
      await session.detach();
    }
  } catch (error) {
    if (!isGlueError(error)) throw error;
    io.warn(`${error.message} What ran when it was last seen is shown as unknown.`);
    return recordedJobs({ id, folder }).map((job) => (job.state === "running" ? { ...job, state: "unknown" } : job));
  }
}

function cells(job: Job, now: number): string[] {
  const { startedAt, endedAt } = job;
  const until = job.state === "running" ? now : endedAt === undefined ? undefined : Date.parse(endedAt);
  const took =
    startedAt === undefined || until === undefined ? "-" : duration(Math.max(0, until - Date.parse(startedAt)));
  const { stdoutBytes, stderrBytes } = job;
  const output = stdoutBytes === undefined || stderrBytes === undefined ? "-" : `${stdoutBytes + stderrBytes} B`;
  return [job.id, stateOf(job), took, output, commandText(job)];
}

function stateOf({ state, exitCode, outcome }: Job): string {
  if (state !== "ended") return state;
  if (outcome === "timeout") return "timed out";
  if (outcome === "cancelled") return "killed";
  return outcome === "signalled" ? `signal ${(exitCode ?? 128) - 128}` : `exit ${exitCode}`;
}

function commandText({ argv, script, cut }: Job): string {
  const text = (argv?.join(" ") ?? script ?? "-").replaceAll(/\s+/g, " ");
  return cut || text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
