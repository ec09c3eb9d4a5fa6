import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Side } from "./entry.ts";

export interface Measured {
  /** From the start to the end of the side and of its reader. */
  readonly milliseconds: number;
  /** Undefined where the platform does not tell (anything but Linux). */
  readonly peakRssMb: number | undefined;
}

/** Runs a side once. Throws when it, or its reader, does not end with 0. */
export async function measure(
  side: Side,
  options: { folder: string; env: Record<string, string>; watchMemory: boolean },
): Promise<Measured> {
  const { folder, env } = options;
  // A named pipe, so that the bytes go from the side to the reader without passing through this process.
  const pipe = join(folder, ".pipe");
  const began = performance.now();
  let reader: Bun.Subprocess | undefined;
  let output: number;
  if (side.reader === undefined) output = openSync("/dev/null", "w");
  else {
    const made = spawnSync("sh", ["-c", 'rm -f "$1"; mkfifo "$1"', "sh", pipe]);
    if (made.status !== 0) throw new Error(`mkfifo failed: ${made.stderr}`);
    reader = Bun.spawn(["sh", "-c", `(${side.reader}) <"$1"`, "sh", pipe], { stdio: ["ignore", "ignore", "inherit"] });
    output = openSync(pipe, "w");
  }
  const child = Bun.spawn([...side.argv], { cwd: folder, env, stdio: ["ignore", output, "pipe"] });
  closeSync(output);
  const memory = options.watchMemory ? watchMemory(child.pid) : undefined;
  const [status, stderr, readerStatus] = await Promise.all([child.exited, child.stderr.text(), reader?.exited ?? 0]);
  const milliseconds = performance.now() - began;
  const peakRssMb = memory?.stop();
  if (status !== 0) throw new Error(`${side.argv.join(" ")} ended with ${status}: ${stderr.slice(-500)}`);
  if (readerStatus !== 0) throw new Error(`the reader ${side.reader} ended with ${readerStatus}`);
  return { milliseconds, peakRssMb };
}

/**
 * Samples the high-water mark of a process's resident memory. Not what wait4 reports: Linux counts there what the parent held when
 * it started the child.
 */
function watchMemory(pid: number): { stop(): number | undefined } {
  let peakKb: number | undefined;
  const timer = setInterval(() => {
    try {
      const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      if (found !== undefined) peakKb = Math.max(peakKb ?? 0, Number(found));
    } catch (error) {
      // Between its end and our hearing of it the process has no such file; without procfs there never is one.
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }, 5);
  return {
    stop() {
      clearInterval(timer);
      return peakKb === undefined ? undefined : Math.round((peakKb * 1024) / 1e5) / 10;
    },
  };
}
