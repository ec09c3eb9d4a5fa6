/** What jobs write, saved while they run: the death of the sandbox then costs as little of it as of the tree. */
import { appendFileSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type JobLook, outputFile } from "../runtimes/common/jobs.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { homeError } from "./home.ts";
import { type JobFolder, jobFolderOf, jobNumbers, readEnd, writeEnd } from "./job-record.ts";
import { placeOf } from "./jobs.ts";
import type { Session } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** What one checkpoint fetches of one stream at most; the next one goes on. Bytes. */
const MOST_BYTES = 32_000_000;
const PIECE_BYTES = 4_000_000;

/** Fetches what the jobs have written since this was done last. `looks` as of `settleJobs`. One process at a time. */
export async function saveOutputSoFar(session: Session, looks: ReadonlyMap<number, JobLook>): Promise<void> {
  for (const number of jobNumbers(session.folder)) {
    const folder = jobFolderOf(session.folder, number);
    const known = readEnd(folder) ?? looks.get(number);
    if (known === undefined) continue;
    await saveSoFar(session, folder, "stdout", known.stdoutBytes);
    await saveSoFar(session, folder, "stderr", known.stderrBytes);
  }
}

async function saveSoFar(session: Session, folder: JobFolder, stream: "stdout" | "stderr", total: number) {
  if (existsSync(folder[stream])) return;
  const path = folder.soFar[stream];
  const size = () => sizeOf(path) ?? 0;
  const { place } = placeOf(session, folder.number);
  const until = Math.min(total, size() + MOST_BYTES);
  for (let offset = size(); offset < until; offset = size()) {
    const length = Math.min(until - offset, PIECE_BYTES, session.runtime.workspace.pieceBytes);
    let bytes: Uint8Array;
    try {
      bytes = await session.runtime.workspace.read(outputFile(place, stream), { offset, length });
    } catch (error) {
      // A command removed it.
      if (isGlueError(error, "fileNotFound")) return;
      throw error;
    }
    if (bytes.length === 0) return;
    try {
      appendFileSync(path, bytes, { mode: 0o600 });
    } catch (cause) {
      throw homeError(cause, path);
    }
  }
}

/** Forgets what was saved on the way, once the whole is here. */
export function forgetSoFar(folder: JobFolder, stream: "stdout" | "stderr"): void {
  rmSync(folder.soFar[stream], { force: true });
}

/** The sandbox is gone: how the jobs ended that were not seen to end is never known, and what was saved of their output is all that there is. */
export function settleForGood(folder: SessionFolder): void {
  for (const number of jobNumbers(folder)) {
    const job = jobFolderOf(folder, number);
    const [stdout, stderr] = [sizeOf(job.soFar.stdout), sizeOf(job.soFar.stderr)];
    if (stdout !== undefined || stderr !== undefined) {
      for (const stream of ["stdout", "stderr"] as const) keep(job, stream);
    }
    writeEnd(job, { formatVersion: 1, state: "lost", stdoutBytes: stdout ?? 0, stderrBytes: stderr ?? 0 });
  }
}

function keep(job: JobFolder, stream: "stdout" | "stderr"): void {
  if (existsSync(job[stream])) return;
  if (existsSync(job.soFar[stream])) renameSync(job.soFar[stream], job[stream]);
  else writeFileSync(job[stream], "", { mode: 0o600 });
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size;
