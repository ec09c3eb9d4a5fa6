import { type Job, waitJob } from "../session/jobs.ts";
import { watchInterrupts } from "../session/signals.ts";
import { GlueError } from "../spec/glue-error.ts";
import { defineCommand } from "./command.ts";
import { outputFlags, RELAYED_EXITS } from "./flags.ts";
import { endedJob, type JobTarget, jobTarget, runningJobArgs } from "./job-target.ts";

export const command = defineCommand({
  name: "job wait",
  summary: "Wait until a job is over, and exit with its status.",
  description: "Any number of processes may wait for one job. Ctrl-C ends the waiting and not the job.",
  args: { ...runningJobArgs, ...outputFlags },
  examples: [
    { run: "glue job wait 1 && glue job logs 1", does: "go on only when it succeeded" },
    { run: 'j=$(glue exec -q --detach -- make) && glue job wait "$j"', does: "in a script" },
  ],
  exits: RELAYED_EXITS,
  relays: true,
  async run(options, io) {
    const target = jobTarget("job wait", options.job, options.session, io);
    const interrupts = watchInterrupts((line) => io.err(line));
    try {
      const job = await over(target, interrupts.signal);
      if (io.json && job.state === "ended") io.outJson({ schemaVersion: 1, id: job.session, job });
      return statusOfJob(job);
    } finally {
      interrupts.dispose();
    }
  },
});

/** The job when it is over; of one whose end is on record nobody is asked. */
async function over(target: JobTarget, signal: AbortSignal): Promise<Job> {
  const known = endedJob(target);
  if (known !== undefined) return known;
  const session = await target.attach();
  try {
    return await waitJob(session, target.number, { signal });
  } finally {
    await session.detach();
  }
}

/** The exit status that stands for how a job ended. Throws `outcomeUnknown` where nobody knows. */
function statusOfJob(job: Job): number {
  if (job.exitCode !== undefined) return job.exitCode;
  throw new GlueError("outcomeUnknown", `Nobody saw how job ${job.id} ended.`, {
    hint: `What was saved of its output, if anything was: glue job logs ${job.id}.`,
  });
}
