/** A session on a sprite of the double, without a command line around it. */
import type { OpenContext, Options, Runtime, RuntimeSession } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/sprites/index.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { type Double, startDouble } from "../doubles/sprite/server.ts";
import { tempDir } from "../support/needs.ts";

export interface Ended {
  readonly out: Buffer;
  readonly err: string;
  readonly exitCode: number;
  readonly outcome: string;
  readonly outputLost: boolean;
}

export interface Bench {
  readonly double: Double;
  readonly runtime: Runtime;
  readonly options: Options;
  readonly context: OpenContext;
  open(): Promise<RuntimeSession>;
}

let sessions = 0;

/** Calls `use` with a service of its own, whose sprites all end with it. */
export async function withDouble(
  use: (bench: Bench) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const double = startDouble({ afterDisconnectMs: 1_000 });
  const options = {
    ...defaultOptions(),
    runtime: "sprites" as const,
    "sprites.sprite_cli": double.cli,
    kill_grace_seconds: 1,
  };
  const runtime = createRuntime({ PATH: process.env.PATH, HOME: tempDir(), ...double.env, ...env });
  const top = tempDir();
  const context: OpenContext = {
    sessionId: `fault-${++sessions}`,
    owner: { kind: "process", host: "here", boot: "now", pid: process.pid, pidStart: "1" },
    tree: { top, subfolder: "", outsideGitDirs: [] },
    mode: "copy",
    sessionDir: tempDir(),
    progress: () => undefined,
  };
  try {
    await use({ double, runtime, options, context, open: () => runtime.open(options, context) });
  } finally {
    await double.stop();
  }
}

export async function run(
  session: RuntimeSession,
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const running = await session.executor.run({ script }, { env });
  const [out, err, result] = await Promise.all([
    new Response(running.stdout).arrayBuffer(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  const { exitCode, outcome, outputLost = false } = result;
  return { out: Buffer.from(out), err, exitCode, outcome, outputLost };
}
