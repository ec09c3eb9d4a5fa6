import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OpenContext, Options, RuntimeSession } from "../../runtimes/contract.ts";
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
