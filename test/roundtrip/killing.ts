/** Starts a process that captures or lands, and kills it. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Staged } from "../workspace/hand-stage.ts";

export type Killed = "capture" | "land" | "in-place" | "undo";

function describeTo(staged: Staged): string {
  const file = join(staged.root, "target.json");
  writeFileSync(file, JSON.stringify({ root: staged.root, user: staged.user, request: staged.request }));
  return file;
}

/** The processes that carry `mark` in their environment. */
function marked(mark: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark);
    } catch (error) {
      // It ended between the listing and the reading, or is somebody else's.
      if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
      throw error;
    }
  });
}

/** Starts it and kills it after `ms`, and waits until what it had started is gone too; true where it was faster. */
export async function killAfter(what: Killed, staged: Staged, ms: number): Promise<boolean> {
  const mark = `GLUE_TEST_MARK=${crypto.randomUUID()}`;
  const [name = "", value = ""] = mark.split("=");
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "capture-target.ts"), what, describeTo(staged)], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, [name]: value },
  });
  await Promise.race([Bun.sleep(ms), child.exited]);
  child.kill("SIGKILL");
  await child.exited;
  // A git of the killed one works on for a moment: what it leaves is looked at once it has ended.
  const deadline = Date.now() + 20_000;
  while (marked(mark).length > 0) {
    if (Date.now() > deadline) throw new Error("what the killed process had started does not end");
    await Bun.sleep(10);
  }
  if (child.exitCode !== null && child.exitCode !== 0) throw new Error(await new Response(child.stderr).text());
  return child.signalCode === null;
}
