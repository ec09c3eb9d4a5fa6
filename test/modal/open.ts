import type { Command, OpenContext, Options, RunOptions, RuntimeSession } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/modal/index.ts";
import { resolveOptions } from "../../spec/resolve.ts";
import { tempDir } from "../support/temp-dir.ts";
import { type ModalDouble, pythonOf, type Sdk } from "./double.ts";

/** The options of a user of the double, whose environment this process gets; `set` as `--set` has them. */
export async function optionsFor(
  double: ModalDouble,
  set: Readonly<Record<string, string>> = {},
  sdk: Sdk = "newest",
): Promise<Options> {
  delete process.env.MODAL_SANDBOX_V2;
  Object.assign(process.env, double.env(sdk), { GLUE_HOME: tempDir() });
  const flags = { runtime: "modal", "modal.python_path": pythonOf(sdk), ...set };
  return (await resolveOptions({ flags, env: {}, configPath: `${tempDir()}/none.yaml` })).options;
}

let sessions = 0;

export function contextFor(kind: "process" | "open" = "process", signal?: AbortSignal): OpenContext {
  return {
    sessionId: `t${process.pid}x${sessions++}`,
    owner: { kind, host: "host", boot: "boot", pid: process.pid, pidStart: "1" },
    tree: { top: tempDir(), subfolder: "", outsideGitDirs: [] },
    mode: "copy",
    sessionDir: tempDir(),
    progress: () => undefined,
    ...(signal === undefined ? {} : { signal }),
  };
}

export async function openOn(
  double: ModalDouble,
  set: Readonly<Record<string, string>> = {},
  kind: "process" | "open" = "process",
  sdk: Sdk = "newest",
): Promise<RuntimeSession> {
  return await createRuntime().open(await optionsFor(double, set, sdk), contextFor(kind));
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
