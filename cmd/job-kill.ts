import { findJob, type Job, killJob } from "../session/jobs.ts";
import { watchInterrupts } from "../session/signals.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import { endedJob, type JobTarget, jobTarget, runningJobArgs } from "./job-target.ts";

export const command = defineCommand({
  name: "job kill",
  summary: "End a job with everything it started: TERM, and KILL after the grace.",
  description: "One that is over is no error. What it wrote stays, for glue job logs.",
  args: { ...runningJobArgs, ...outputFlags },
  examples: [{ run: "glue job kill 1", does: "the first job of this folder's session" }],
  async run(options, io) {
    const target = jobTarget("job kill", options.job, options.session, io);
    const interrupts = watchInterrupts((line) => io.err(line));
    try {
      const { job, already } = await ended(target, interrupts.signal);
      if (io.json) io.outJson({ schemaVersion: 1, id: job.session, already, job });
      else io.notice(already ? `Job ${job.id} was over already.` : `Job ${job.id} is ended.`);
      return 0;
    } finally {
      interrupts.dispose();
    }
  },
});

/** The job, over; `already` where it was so before. */
async function ended(target: JobTarget, signal: AbortSignal): Promise<{ job: Job; already: boolean }> {
  const known = endedJob(target);
  if (known !== undefined) return { job: known, already: true };
  const session = await target.attach();
  try {
    const before = await findJob(session, target.number);
    const job = await killJob(session, target.number, { signal });
    return { job, already: before.state !== "running" };
  } finally {
    await session.detach();
  }
}
