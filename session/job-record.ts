/** What this machine keeps of a session's jobs: `jobs/<n>/` in the session's folder, so that a job is known when its sandbox is gone. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { homeError } from "./home.ts";
import { randomName } from "./id.ts";
import type { SessionFolder } from "./store.ts";

const recordSchema = v.looseObject({
  formatVersion: v.literal(1),
  /** The id of its command in the sandbox: the mark of its tree. */
  command: v.string(),
  /** Its name in the session's log. */
  event: v.string(),
  argv: v.exactOptional(v.array(v.string())),
  script: v.exactOptional(v.string()),
  cut: v.exactOptional(v.boolean()),
  cwd: v.string(),
  timeoutMs: v.exactOptional(v.number()),
  /** ISO 8601, by this machine's clock: when it was asked for. */
  startedAt: v.string(),
});

const endSchema = v.looseObject({
  formatVersion: v.literal(1),
  /** `lost`: nobody saw how it ended. */
  state: v.picklist(["over", "lost"]),
  exitCode: v.exactOptional(v.number()),
  outcome: v.exactOptional(v.picklist(["exited", "signalled", "timeout", "cancelled"])),
  /** By the sandbox's clock; ISO 8601. */
  startedAt: v.exactOptional(v.string()),
  endedAt: v.exactOptional(v.string()),
  stdoutBytes: v.number(),
  stderrBytes: v.number(),
});

/** job.json: written before the job is started. */
export type JobRecord = v.InferOutput<typeof recordSchema>;
/** end.json: written by the first that sees the job ended. */
export type JobEnd = v.InferOutput<typeof endSchema>;

/** The files of one job on this machine. All absolute. */
export interface JobFolder {
  readonly number: number;
  readonly path: string;
  /** What it wrote, saved when the session was closed. */
  readonly stdout: string;
  readonly stderr: string;
  /** What it had written by the last checkpoint. */
  readonly soFar: { readonly stdout: string; readonly stderr: string };
}

export function jobFolderOf(folder: SessionFolder, number: number): JobFolder {
  const path = join(folder.jobs, String(number));
  const [stdout, stderr] = [join(path, "stdout"), join(path, "stderr")];
  return { number, path, stdout, stderr, soFar: { stdout: `${stdout}.so-far`, stderr: `${stderr}.so-far` } };
}

/** The numbers of a session's jobs, in the order in which they were started. */
export function jobNumbers(folder: SessionFolder): number[] {
  if (!existsSync(folder.jobs)) return [];
  const numbers = readdirSync(folder.jobs).filter((name) => /^[1-9]\d{0,8}$/.test(name));
  return numbers.map(Number).sort((a, b) => a - b);
}

/** Makes the folder of a new job under a number that no other has, whoever starts one at the same time. */
export function makeJobFolder(folder: SessionFolder): JobFolder {
  const parent = folder.jobs;
  try {
    mkdirSync(parent, { mode: 0o700, recursive: true });
    for (let number = (jobNumbers(folder).at(-1) ?? 0) + 1; ; number++) {
      const job = jobFolderOf(folder, number);
      try {
        mkdirSync(job.path, { mode: 0o700 });
        return job;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      }
    }
  } catch (cause) {
    throw homeError(cause, parent);
  }
}

export function writeRecord(job: JobFolder, record: JobRecord): void {
  replace(join(job.path, "job.json"), record);
}

/** Undefined where there is none, or one that is damaged: then the job is known by its number alone. */
export function readRecord(job: JobFolder): JobRecord | undefined {
  return read(join(job.path, "job.json"), recordSchema);
}

/** Returns whether this call was the first to write it. */
export function writeEnd(job: JobFolder, end: JobEnd): boolean {
  const path = join(job.path, "end.json");
  if (existsSync(path)) return false;
  replace(path, end);
  return true;
}

export function readEnd(job: JobFolder): JobEnd | undefined {
  return read(join(job.path, "end.json"), endSchema);
}

/** Forgets a job that never ran. */
export function forgetJob(job: JobFolder): void {
  rmSync(job.path, { recursive: true, force: true });
}

/** Several processes may see the same end at the same time: each writes a file of its own and puts it in place whole. */
function replace(path: string, value: JobRecord | JobEnd): void {
  const fresh = `${path}.${randomName(6)}`;
  try {
    writeFileSync(fresh, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(fresh, path);
  } catch (cause) {
    throw homeError(cause, path);
  }
}

function read<T>(path: string, schema: v.GenericSchema<unknown, T>): T | undefined {
  try {
    const parsed = v.safeParse(schema, JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? parsed.output : undefined;
  } catch {
    // Not written, or torn: the sandbox knows better, and where it does not, the job is of unknown end.
    return undefined;
  }
}
