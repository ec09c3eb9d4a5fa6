/** What the tests of docker share: a session on a real engine, and whoever answers in an engine's place. */
import { spawnSync } from "node:child_process";
import type { OpenContext, Options, ProgressEvent, Runtime, RuntimeSession } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/docker/index.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { IMAGES } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";

export interface Opening {
  readonly options?: Partial<Options>;
  readonly context?: Partial<OpenContext>;
  /** The environment that names the engine. */
  readonly env?: Record<string, string | undefined>;
  /** What was reported while it was opened. */
  readonly reports?: ProgressEvent[];
}

export function optionsWith(options: Partial<Options> = {}): Options {
  return { ...defaultOptions(), runtime: "docker", "docker.image": IMAGES["debian-git"], ...options };
}

let count = 0;

/** A session id that no other test has. */
export function newSessionId(): string {
  return `t${process.pid.toString(36)}x${Date.now().toString(36).slice(-5)}x${(count++).toString(36)}`;
}

export function contextWith(context: Partial<OpenContext> = {}, reports: ProgressEvent[] = []): OpenContext {
  return {
    sessionId: newSessionId(),
    owner: { kind: "process", host: "test-host", boot: "test-boot", pid: process.pid, pidStart: "1" },
    tree: { top: tempDir(), subfolder: "", outsideGitDirs: [] },
    mode: "direct",
    sessionDir: tempDir(),
    progress: (event) => void reports.push(event),
    ...context,
  };
}

export function runtimeFor(opening: Opening = {}): Runtime {
  return opening.env === undefined ? createRuntime() : createRuntime({ ...process.env, ...opening.env });
}

/** Opens a session, hands it to `use`, and closes it whatever happens. */
export async function withSession<T>(
  opening: Opening,
  use: (session: RuntimeSession, context: OpenContext) => Promise<T>,
): Promise<T> {
  const context = contextWith(opening.context, opening.reports);
  const session = await runtimeFor(opening).open(optionsWith(opening.options), context);
  try {
    return await use(session, context);
  } finally {
    await session.close();
  }
}

export interface Done {
  readonly code: number;
  readonly out: string;
}

/** The docker CLI, as somebody else on the machine would use it. */
export function docker(...words: string[]): Done {
  const done = spawnSync("docker", words, { encoding: "utf8", timeout: 60_000 });
  return { code: done.status ?? -1, out: `${done.stdout}${done.stderr}`.trim() };
}

/** Whether the engine still has this session's container, by its name. */
export function isThere(sessionId: string): boolean {
  return docker("container", "inspect", `glue-${sessionId}`).code === 0;
}
