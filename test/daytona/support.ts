/** What the tests of daytona share: one double for all, a sandbox of its own for each test. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Command,
  type CommandResult,
  GlueError,
  type OpenContext,
  type Options,
  type RunOptions,
  type RuntimeSession,
} from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/daytona/index.ts";
import { resolveOptions } from "../../spec/resolve.ts";
import { tempDir } from "../support/temp-dir.ts";
import type { Address } from "./double.ts";

/** The options of a user of the double; `set` as `--set` has them. */
export async function optionsFor(double: Address, set: Readonly<Record<string, string>> = {}): Promise<Options> {
  const env = { DAYTONA_API_KEY: double.apiKey, DAYTONA_API_BASE_URL: double.url, GLUE_RUNTIME: "daytona" };
  return (await resolveOptions({ flags: set, env, configPath: join(tmpdir(), "no-such-config.yaml") })).options;
}

let count = 0;

export function contextFor(signal?: AbortSignal): OpenContext {
  return {
    sessionId: `t${process.pid.toString(36)}x${Date.now().toString(36).slice(-5)}x${(count++).toString(36)}`,
    owner: { kind: "process", host: "test-host", boot: "test-boot", pid: process.pid, pidStart: "1" },
    tree: { top: tempDir(), subfolder: "", outsideGitDirs: [] },
    mode: "copy",
    sessionDir: tempDir(),
    progress: () => undefined,
    ...(signal === undefined ? {} : { signal }),
  };
}

export async function openOn(double: Address, set: Readonly<Record<string, string>> = {}): Promise<RuntimeSession> {
  return await createRuntime().open(await optionsFor(double, set), contextFor());
}

/** Opens a session, hands it to `use`, and closes it whatever happens. */
export async function withSession<T>(
  double: Address,
  use: (session: RuntimeSession) => Promise<T>,
  set: Readonly<Record<string, string>> = {},
): Promise<T> {
  const session = await openOn(double, set);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

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
