import { mkdirSync } from "node:fs";
import type { OpenContext, Options, RuntimeSession } from "../../../runtimes/contract.ts";
import { createRuntime } from "../../../runtimes/host/index.ts";
import { resolveOptions } from "../../../spec/resolve.ts";
import { tempDir } from "../../support/needs.ts";

export const runtime = createRuntime();

/** The options as they are without a configuration, with `kill_grace_seconds` short. */
export async function hostOptions(set: Readonly<Record<string, string>> = {}): Promise<Options> {
  const flags = { kill_grace_seconds: "0.3", "shell.executable": "sh", ...set };
  return (await resolveOptions({ flags, env: {}, configPath: `${tempDir()}/none.yaml` })).options;
}

let sessions = 0;

export function hostContext(mode: "direct" | "copy" = "direct", top = tempDir()): OpenContext {
  const sessionId = `unit-${process.pid}-${++sessions}`;
  const sessionDir = `${tempDir()}/${sessionId}`;
  mkdirSync(sessionDir, { mode: 0o700 });
  return {
    sessionId,
    owner: { kind: "process", host: "h", boot: "b", pid: process.pid, pidStart: "0" },
    tree: { top, subfolder: "", outsideGitDirs: [] },
    mode,
    sessionDir,
    progress: () => undefined,
  };
}

export async function openHost(
  mode: "direct" | "copy" = "direct",
  set: Readonly<Record<string, string>> = {},
): Promise<RuntimeSession> {
  return runtime.open(await hostOptions(set), hostContext(mode));
}
