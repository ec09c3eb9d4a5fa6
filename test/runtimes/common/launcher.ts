import { existsSync, readFileSync } from "node:fs";
import { parseExitRecord } from "../../../runtimes/common/exit-record.ts";
import { type Launch, launchArgv } from "../../../runtimes/common/launch.ts";

/** The shells that the launcher must be able to live in, as argv. */
export const SHELLS: Readonly<Record<string, readonly string[]>> = {
  dash: ["dash"],
  bash: ["bash"],
  "bash as sh": ["bash", "--posix"],
  busybox: ["busybox", "ash"],
};

/** Why a shell cannot be tried here, or undefined. */
export function lacking(shell: string): string | undefined {
  const program = SHELLS[shell]?.[0] ?? shell;
  return Bun.which(program) === null ? `no ${program} on PATH` : undefined;
}

/** The argv of a launcher call, in that shell. */
export function inShell(shell: string, argv: readonly string[]): string[] {
  return [...(SHELLS[shell] ?? []), ...argv.slice(1)];
}

export interface Launched {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly record: ReturnType<typeof parseExitRecord>;
  readonly ms: number;
}

/** Starts the launcher as adapters do: as the leader of a session of its own. */
export function start(shell: string, launch: Launch, env: Record<string, string> = {}) {
  return Bun.spawn(inShell(shell, launchArgv(launch)), {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
}

/** Runs it to its end. */
export async function launch(shell: string, what: Launch, env?: Record<string, string>): Promise<Launched> {
  const began = performance.now();
  const child = start(shell, what, env);
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr, record: recordOf(what), ms: performance.now() - began };
}

export function recordOf({ spool, id }: Launch): ReturnType<typeof parseExitRecord> {
  const path = `${spool}/${id}.exit`;
  return existsSync(path) ? parseExitRecord(readFileSync(path, "utf8")) : undefined;
}

/** The processes, zombies left out, whose command line holds `text`. */
export function processesWith(text: string): number[] {
  const found: number[] = [];
  for (const pid of new Bun.Glob("[0-9]*").scanSync({ cwd: "/proc", onlyFiles: false })) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text)) continue;
      if (!/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"))) found.push(Number(pid));
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Waits until `condition` holds; fails after `ms`. */
export async function until(condition: () => boolean, ms = 30_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`still not so after ${ms} ms`);
    await Bun.sleep(10);
  }
}
