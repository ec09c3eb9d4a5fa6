import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command, OpenContext, Options, RunOptions, RuntimeSession } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/daytona/index.ts";
import { resolveOptions } from "../../spec/resolve.ts";
import type { Double } from "../doubles/daytona/server.ts";

/** The options of a user of the double; `set` as `--set` has them. */
export async function optionsFor(double: Double, set: Readonly<Record<string, string>> = {}): Promise<Options> {
  const env = { DAYTONA_API_KEY: double.apiKey, DAYTONA_API_BASE_URL: double.url, GLUE_RUNTIME: "daytona" };
  return (await resolveOptions({ flags: set, env, configPath: join(tmpdir(), "no-such-config.yaml") })).options;
}

let sessions = 0;

export function contextFor(sessionId = `t${process.pid}x${sessions++}`, signal?: AbortSignal): OpenContext {
  return {
    sessionId,
    owner: { kind: "process", host: "host", boot: "boot", pid: process.pid, pidStart: "1" },
    tree: { top: tmpdir(), subfolder: "", outsideGitDirs: [] },
    mode: "copy",
    sessionDir: mkdtempSync(join(tmpdir(), "glue-session-")),
    progress: () => undefined,
    ...(signal === undefined ? {} : { signal }),
  };
}

export async function openOn(double: Double, set: Readonly<Record<string, string>> = {}): Promise<RuntimeSession> {
  return await createRuntime().open(await optionsFor(double, set), contextFor());
}

/** Runs a command to its end and collects what it printed. */
export async function run(session: RuntimeSession, command: Command, options: RunOptions = {}) {
  const running = await session.executor.run(command, options);
  const [stdout, stderr, result] = await Promise.all([
    new Response(running.stdout).arrayBuffer(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  return { stdout: Buffer.from(stdout), stderr, ...result };
}
