/** What becomes of a session's jobs when it is closed: they are ended, and what they wrote is saved on this machine. */
import { closeSync, existsSync, openSync, renameSync, writeSync } from "node:fs";
import { outputFile } from "../runtimes/common/jobs.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { homeError } from "./home.ts";
import { forgetSoFar } from "./job-output.ts";
import { type JobFolder, jobFolderOf, jobNumbers, readEnd } from "./job-record.ts";
import { killJob, listJobs, placeOf } from "./jobs.ts";
import type { Session } from "./session.ts";

/** Ends the jobs that run, each by itself, so that its end is on record. What cannot be ended so is left to `killAll`. */
export async function endJobs(session: Session): Promise<void> {
  const running = (await listJobs(session)).filter(({ state }) => state === "running");
  const ended = await Promise.allSettled(running.map(({ number }) => killJob(session, number)));
  for (const one of ended) if (one.status === "rejected" && !isGlueError(one.reason, "processesLeft")) throw one.reason;
}

/** Saves what the jobs wrote, whole; what was saved before is not fetched again. For a session in which nothing runs any more. */
export async function saveJobOutput(session: Session): Promise<void> {
  await listJobs(session);
  for (const number of jobNumbers(session.folder)) {
    const folder = jobFolderOf(session.folder, number);
    for (const stream of ["stdout", "stderr"] as const) await save(session, folder, stream);
  }
}

async function save(session: Session, folder: JobFolder, stream: "stdout" | "stderr"): Promise<void> {
  const path = folder[stream];
  if (existsSync(path)) return;
  const end = readEnd(folder);
  const total = stream === "stdout" ? end?.stdoutBytes : end?.stderrBytes;
  const fresh = `${path}.new`;
  try {
    const { place } = placeOf(session, folder.number);
    const source = outputFile(place, stream);
    const bytes = total === 0 ? new Blob().stream() : await session.runtime.workspace.download(source);
    await writeStream(fresh, path, bytes, (done) =>
      session.progress({
        what: `saving the output of job ${folder.number}`,
        done,
        unit: "bytes",
        ...(total === undefined ? {} : { total }),
      }),
    );
    forgetSoFar(folder, stream);
  } catch (error) {
    // It was never started, or a command removed it.
    if (isGlueError(error, "fileNotFound") || isGlueError(error, "jobNotFound")) return;
    throw homeError(error, path);
  }
}

async function writeStream(
  fresh: string,
  path: string,
  stream: AsyncIterable<Uint8Array>,
  progress: (done: number) => void,
): Promise<void> {
  const fd = openSync(fresh, "w", 0o600);
  let done = 0;
  try {
    for await (const chunk of stream) {
      writeWhole(fd, chunk);
      done += chunk.length;
      progress(done);
    }
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, path);
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
