import { readdirSync, readFileSync } from "node:fs";

/** TERM to a process, its group and everything below it, KILL to what is left after five seconds. */
export async function endTree(pid: number): Promise<void> {
  const members = [pid, ...below(pid)];
  for (const member of [-pid, ...members]) signal(member, "SIGTERM");
  for (let waited = 0; waited < 5_000 && members.some(alive); waited += 20) await Bun.sleep(20);
  for (const member of [-pid, ...members]) signal(member, "SIGKILL");
}

function below(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // gone meanwhile
    }
  }
  const found = [pid];
  for (const member of found) for (const [child, parent] of parents) if (parent === member) found.push(child);
  return found.slice(1);
}

function alive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone
  }
}
