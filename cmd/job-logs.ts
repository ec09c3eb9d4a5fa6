import { createReadStream, existsSync, statSync } from "node:fs";
import { Readable } from "node:stream";
import type { ByteStream } from "../runtimes/contract.ts";
import { jobFolderOf, readEnd } from "../session/job-record.ts";
import { followJob, jobNotFound } from "../session/jobs.ts";
import { watchInterrupts } from "../session/signals.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import type { Io } from "./io.ts";
import { type JobTarget, jobArgs, jobTarget } from "./job-target.ts";
import { outputTo } from "./stream.ts";

export const command = defineCommand({
  name: "job logs",
  summary: "Print what a job wrote, from its first byte: its stdout on stdout, its stderr on stderr.",
  description:
    "Any process may read it, also while the job runs and after its session was closed. With --json every piece is a line, as with exec. Ctrl-C ends the reading and not the job.",
  args: {
    ...jobArgs,
    follow: { type: "boolean", alias: "f", description: "Go on until the job is over" },
    ...outputFlags,
  },
  examples: [
    { run: "glue job logs -f 1", does: "the first job of this folder's session, as it goes" },
    { run: "glue job logs mia1cbr7-4k0x9p/2 2>/dev/null", does: "its stdout only" },
  ],
  async run(options, io) {
    const target = jobTarget("job logs", options.job, options.session, io);
    const interrupts = watchInterrupts((line) => io.err(line));
    try {
      const saved = savedOutput(target);
      if (saved !== undefined) {
        if (isCutShort(target)) io.warn(CUT_SHORT);
        await outputTo(io).passOn(saved);
        return 0;
      }
      return await fromSandbox(target, options.follow, io, interrupts.signal);
    } finally {
      interrupts.dispose();
    }
  },
});

async function fromSandbox(target: JobTarget, follow: boolean, io: Io, signal: AbortSignal): Promise<number> {
  const session = await target.attach();
  const stop = new AbortController();
  try {
    const output = await followJob(session, target.number, { follow, signal: AbortSignal.any([signal, stop.signal]) });
    try {
      await outputTo(io).passOn(output);
    } catch (error) {
      // Nobody reads any more: what fetches it must not stay in the sandbox.
      stop.abort();
      await output.done.catch(() => undefined);
      throw error;
    }
    await output.done;
    return 0;
  } finally {
    await session.detach();
  }
}

const CUT_SHORT = "The sandbox is gone: this is what the job had written by the last checkpoint.";

/** Whether what was saved may not be all that the job wrote. */
function isCutShort({ folder, number }: JobTarget): boolean {
  const job = jobFolderOf(folder, number);
  const end = readEnd(job);
  const size = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return (
    end === undefined ||
    end.state === "lost" ||
    size(job.stdout) < end.stdoutBytes ||
    size(job.stderr) < end.stderrBytes
  );
}

/** What was saved when the session was closed or its sandbox was lost, if anything was. */
function savedOutput({ folder, number }: JobTarget): { stdout: ByteStream; stderr: ByteStream } | undefined {
  const job = jobFolderOf(folder, number);
  if (!existsSync(job.path)) throw jobNotFound(folder.id, String(number));
  if (!existsSync(job.stdout) || !existsSync(job.stderr)) return undefined;
  const open = (path: string) => Readable.toWeb(createReadStream(path)) as unknown as ByteStream;
  return { stdout: open(job.stdout), stderr: open(job.stderr) };
}
