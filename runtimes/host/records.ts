/** The records of running commands in the spool, in the launcher's format, so that any process can find and end a command's tree. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";

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

/**
 * Forgets a command that is over. Where something of its process group `pid` lives on, the record of it stays, for whoever ends the
 * session; undefined means that there never was one.
 */
export function removeRecords(spool: string, id: string, pid: number | undefined): void {
  const kinds = ["note", "exit", "timeout", "cancel", "script"];
  if (pid === undefined || !groupLives(pid)) kinds.push("pid");
  for (const kind of kinds) {
    const path = `${spool}/${id}.${kind}`;
    // Most of them were never written; what cannot be removed goes with the session's folder.
    if (existsSync(path)) rmSync(path, { force: true });
  }
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
