/** The records of running commands in the spool, in the launcher's format, so that any process can find and end a command's tree. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";

/**
 * Start time of a process as the launcher would write it: what makes its number mean that one process. Undefined when it is gone.
 */
export function startOf(pid: number): string | undefined {
  if (process.platform !== "linux") {
    const { stdout } = Bun.spawnSync(["ps", "-o", "lstart=", "-p", String(pid)], { stderr: "ignore" });
    const words = stdout.toString().trim().split(/\s+/);
    return words.length === 5 ? words.join(".") : undefined;
  }
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before the last ") " is the process's own choice and may hold anything.
    return text.slice(text.lastIndexOf(") ") + 2).split(" ")[19];
  } catch {
    return undefined; // gone: that is the answer
  }
}

/** Records a command that leads its own session and has no launcher. */
export function writeRecord(spool: string, id: string, pid: number): void {
  const start = startOf(pid);
  if (start !== undefined) writeFileSync(`${spool}/${id}.pid`, `${pid} ${start} ${pid} ${start} 0 0 .\n`);
}

/** What the launcher and others may have written about a command besides its record. */
export const LAUNCHER_FILES: readonly string[] = ["note", "exit", "timeout", "cancel", "script"];

/**
 * Forgets a command that is over: removes those files of it, and its record. Where something of its process group `pid` lives on, the
 * record stays, for whoever ends the session; undefined means that there never was one.
 */
export function removeRecords(spool: string, id: string, pid: number | undefined, files: readonly string[]): void {
  // What cannot be removed goes with the session's folder.
  for (const file of files) rmSync(`${spool}/${id}.${file}`, { force: true });
  if (pid === undefined || !groupLives(pid)) rmSync(`${spool}/${id}.pid`, { force: true });
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
