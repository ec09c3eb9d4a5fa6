import { readFileSync } from "node:fs";
import type { Command, CommandResult, RunOptions, RuntimeSession } from "../../runtimes/contract.ts";
import { GlueError } from "../../spec/glue-error.ts";

export interface Ran extends CommandResult {
  readonly out: string;
  readonly err: string;
}

/** Runs a command to its end. */
export async function run(session: RuntimeSession, command: Command | string, options: RunOptions = {}): Promise<Ran> {
  const running = await session.executor.run(typeof command === "string" ? { script: command } : command, options);
  const [out, err, result] = await Promise.all([
    new Response(running.stdout).text(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  return { ...result, out, err };
}

/** The `GlueError` that `work` fails with. */
export async function failureOf(work: Promise<unknown>): Promise<GlueError> {
  const error = await work.then(
    (value) => new Error(`it did not fail, but gave ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof GlueError) return error;
  throw error;
}

/** The resident memory of this process now, in bytes. */
export function memoryNow(): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
  return Number(line?.[1] ?? 0) * 1_024;
}
