/**
 * Jobs: commands that outlive the call that started them. Built over the ports alone, so that every runtime has them: a job has a folder in
 * the sandbox with the launcher's records (see launch.ts) and its output in files, stdout and stderr apart.
 */
import type { ByteStream, Command, CommandResult, RunningCommand, RunOptions, RuntimeSession } from "../contract.ts";
import { GlueError } from "../contract.ts";
import { commandArgv, throughShell } from "./command-line.ts";
import { parseExitRecord, resultOfRecord } from "./exit-record.ts";
import followText from "./job-follow.sh" with { type: "text" };
import lookText from "./job-look.sh" with { type: "text" };
import startText from "./job-start.sh" with { type: "text" };
import { DEFAULT_GRACE_MS, killArgv, LAUNCHER } from "./launch.ts";

/** What jobs need of a sandbox. */
export type JobTarget = Pick<RuntimeSession, "executor" | "workspace" | "paths">;

/** Where a job is. */
export interface JobPlace {
  /** Its folder in the sandbox, absolute. */
  readonly folder: string;
  /** The id of its command (see command-id.ts): the mark of its tree. */
  readonly command: string;
}

/** The folder of the job with that name, which no other job in the sandbox may have: several sessions may follow one another in it. */
export function jobFolder(target: JobTarget, name: string): string {
  return `${target.paths.private}/jobs/${name}`;
}

/** What a sandbox says of a job. */
export interface JobLook {
  /** `lost`: it does not run and nobody saw how it ended. `gone`: the sandbox holds nothing of it. */
  readonly state: "running" | "over" | "lost" | "gone";
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** By the sandbox's clock, to the second. */
  readonly startedAt?: Date;
  readonly endedAt?: Date;
  /** How it ended, when it is `over`. */
  readonly result?: CommandResult;
}

export type JobRunOptions = Pick<RunOptions, "cwd" | "env" | "timeoutMs" | "graceMs" | "signal">;

/**
 * Starts a command as a job and resolves when it runs. Its stdin is at EOF. The deadline is the launcher's to keep, in the sandbox.
 * Errors as of `CommandExecutor.run`; `startFailed` where the sandbox cannot be written to.
 */
export async function startJob(
  target: JobTarget,
  place: JobPlace,
  command: Command,
  options: JobRunOptions = {},
): Promise<void> {
  const { executor, workspace } = target;
  const [shell, ...flags] = executor.shell ?? ["sh"];
  const stage = async (text: Uint8Array) => {
    const file = `${place.folder}/script`;
    await workspace.write(file, text, { mode: 0o600 });
    return file;
  };
  const ownFlags = "script" in command && command.shell === undefined ? flags : [];
  const argv = await commandArgv(command, shell, stage, ownFlags);
  // The command's PATH is not for the script that starts it.
  const { PATH, ...env } = options.env ?? {};
  const through = throughShell(argv, env);
  const words = PATH === undefined ? through.argv : withPath(through.argv, PATH);
  const { timeoutMs, graceMs = DEFAULT_GRACE_MS } = options;
  const deadline = timeoutMs === undefined ? 0 : Math.max(1, Math.ceil(timeoutMs));
  const { cwd, signal } = options;
  const running = await executor.run(
    {
      argv: [
        "sh",
        "-c",
        startText,
        "glue",
        place.folder,
        place.command,
        LAUNCHER,
        String(deadline),
        String(graceMs),
        ...words,
      ],
    },
    { env: through.env, ...(cwd === undefined ? {} : { cwd }), ...(signal === undefined ? {} : { signal }) },
  );
  const { result, stderr } = await answerOf(running);
  if (result.outcome === "cancelled") throw new GlueError("cancelled", "Interrupted before the job was started.");
  if (result.exitCode !== 0) {
    throw new GlueError("startFailed", `The job could not be started: ${stderr.trim() || "nobody said why"}`);
  }
}

/** The argv, run by `env` with that PATH. */
function withPath(argv: readonly [string, ...string[]], path: string): readonly string[] {
  const [program, next, ...rest] = argv;
  if (program === "env" && next === "--") return ["env", "--", `PATH=${path}`, ...rest];
  // env would take such a name for one more assignment.
  const words = program.includes("=") ? ["sh", "-c", 'exec "$@"', "sh", ...argv] : argv;
  return ["env", "--", `PATH=${path}`, ...words];
}

/**
 * What the sandbox says of these jobs, in their order, in one call. With `waitMs`, after the first of them is over or that time has
 * passed.
 */
export async function lookAtJobs(
  target: JobTarget,
  places: readonly JobPlace[],
  options: { waitMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<JobLook[]> {
  if (places.length === 0) return [];
  const { waitMs, signal } = options;
  const limit = waitMs === undefined ? "now" : String(Math.max(0, Math.ceil(waitMs)));
  const running = await target.executor.run(
    { argv: ["sh", "-c", lookText, "glue", limit, ...places.flatMap(({ folder, command }) => [folder, command])] },
    { cwd: "/", ...(signal === undefined ? {} : { signal }) },
  );
  const { result, stdout, stderr } = await answerOf(running);
  if (result.outcome === "cancelled") throw new GlueError("cancelled", "Interrupted.");
  const lines = stdout.trimEnd().split("\n");
  if (result.exitCode !== 0 || lines.length !== places.length) {
    throw new GlueError("ioFailed", `The sandbox does not tell about its jobs: ${stderr.trim() || stdout.trim()}`);
  }
  return lines.map(lookOf);
}

function lookOf(line: string): JobLook {
  const [state = "", out, err, began, ended, ...record] = line.split(" ");
  const known = parseExitRecord(record.join(" "));
  const startedAt = timeOf(began);
  const endedAt = timeOf(ended);
  return {
    // A record that is not whole yet is one that is just being written.
    state: state === "over" ? (known === undefined ? "running" : "over") : (state as "running" | "lost" | "gone"),
    stdoutBytes: Number(out),
    stderrBytes: Number(err),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(known === undefined ? {} : { result: resultOfRecord(known) }),
  };
}

function timeOf(seconds: string | undefined): Date | undefined {
  return seconds !== undefined && /^\d+$/.test(seconds) ? new Date(Number(seconds) * 1000) : undefined;
}

/** From where a job's output is read on, in bytes of each stream. */
export interface JobOffsets {
  readonly stdout: number;
  readonly stderr: number;
}

/**
 * The output of a job from the offsets on, byte for byte: until it is over with `follow`, else what there is now. `done` rejects where not all of it came.
 */
export async function outputOfJob(
  target: JobTarget,
  place: JobPlace,
  options: { from?: JobOffsets; follow?: boolean; signal?: AbortSignal | undefined } = {},
): Promise<{ stdout: ByteStream; stderr: ByteStream; done: Promise<void> }> {
  const { from = { stdout: 0, stderr: 0 }, follow = false, signal } = options;
  const running = await target.executor.run(
    {
      argv: [
        "sh",
        "-c",
        followText,
        "glue",
        place.folder,
        place.command,
        String(from.stdout),
        String(from.stderr),
        follow ? "follow" : "once",
      ],
    },
    { cwd: "/", ...(signal === undefined ? {} : { signal }) },
  );
  const done = running.wait().then(({ exitCode, outcome, outputLost }) => {
    if (outcome === "cancelled") throw new GlueError("cancelled", "Interrupted.");
    if (exitCode === 120) throw new GlueError("fileNotFound", "The sandbox no longer holds the job's output.");
    if (exitCode !== 0 || outputLost) throw new GlueError("ioFailed", "The job's output could not be read to its end.");
  });
  // Whoever waits gets it; the streams come first.
  done.catch(() => undefined);
  return { stdout: running.stdout, stderr: running.stderr, done };
}

/** How long the launcher may take to write down how a job ended whose tree is gone. */
const RECORD_MS = 5_000;

/** Ends a job's tree, TERM and then KILL after the grace, and resolves to what is known of it then. One that is over is no error. */
export async function killJob(
  target: JobTarget,
  place: JobPlace,
  options: { graceMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<JobLook> {
  const { graceMs = DEFAULT_GRACE_MS, signal } = options;
  const [before] = await lookAtJobs(target, [place], { signal });
  if (before === undefined || before.state === "gone" || before.state === "over") return before ?? GONE;
  const argv = killArgv({ id: place.command, spool: place.folder, graceMs }, { file: `${place.folder}/launch` });
  const running = await target.executor.run({ argv }, { cwd: "/", ...(signal === undefined ? {} : { signal }) });
  const { result } = await answerOf(running);
  if (result.outcome === "cancelled") throw new GlueError("cancelled", "Interrupted.");
  if (result.exitCode !== 0) {
    throw new GlueError("processesLeft", "Not every process of the job could be ended.");
  }
  const [after] = await lookAtJobs(target, [place], { waitMs: RECORD_MS, signal });
  return after ?? GONE;
}

const GONE: JobLook = { state: "gone", stdoutBytes: 0, stderrBytes: 0 };

/** The file with one stream of a job's output. */
export function outputFile(place: JobPlace, stream: "stdout" | "stderr"): string {
  return `${place.folder}/${place.command}.${stream === "stdout" ? "out" : "err"}`;
}

async function answerOf(running: RunningCommand): Promise<{ result: CommandResult; stdout: string; stderr: string }> {
  const [stdout, stderr, result] = await Promise.all([
    new Response(running.stdout).text(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  return { result, stdout, stderr };
}
