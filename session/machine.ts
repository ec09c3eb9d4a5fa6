import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { homeError } from "./home.ts";
import { randomName } from "./id.ts";

/**
 * A name for this machine that survives reboots. Linux: machine-id(5). Elsewhere, or where that file is missing or empty as in
 * many container images: an id of our own, made once and kept in the home. Two machines that share one by mistake are still
 * told apart by the boot id.
 */
export function machineId(home: string): string {
  for (const path of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    const id = readText(path)?.trim();
    if (id !== undefined && /^[0-9a-f]{32}$/.test(id)) return id;
  }
  return ownMachineId(join(home, "machine-id"));
}

function ownMachineId(path: string): string {
  const known = readText(path)?.trim();
  if (known !== undefined && /^[a-z0-9]{24}$/.test(known)) return known;
  const fresh = randomName(24);
  try {
    // Exclusive: of two processes that meet here one makes the id and the other reads it.
    writeFileSync(path, `${fresh}\n`, { mode: 0o600, flag: known === undefined ? "wx" : "w" });
    return fresh;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return readText(path)?.trim() || fresh;
    throw homeError(cause, path);
  }
}

/**
 * A name for one boot and one pid namespace of it: the same pid means another process in another container, also where both
 * share the machine's id, its boot and the home.
 */
export function bootId(): string {
  const boot = readText("/proc/sys/kernel/random/boot_id")?.trim();
  if (boot === undefined) return process.platform === "darwin" ? output("sysctl", "-n", "kern.bootsessionuuid") : "";
  return `${boot}/${pidNamespace()}`;
}

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    // A kernel without namespaces has one pid space, and so no need to tell them apart.
    return "0";
  }
}

/** The start time of a process in the platform's own unit; "gone" when there is none, undefined when it cannot be told. */
export function processState(pid: number): string | "gone" | undefined {
  if (process.platform === "linux") {
    const stat = readText(`/proc/${pid}/stat`);
    if (stat !== undefined) return startFromStat(stat);
    return exists(pid) ? undefined : "gone";
  }
  if (process.platform === "darwin") return output("ps", "-o", "lstart=", "-p", String(pid)) || "gone";
  return exists(pid) ? undefined : "gone";
}

/**
 * Field 22 of proc_pid_stat(5), the start time in clock ticks since boot. The name in field 2 may hold blanks and parentheses, so
 * counting begins behind the last parenthesis. A zombie has ended; only its parent has not asked yet.
 */
export function startFromStat(stat: string): string | "gone" | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  if (state === "Z" || state === "X") return "gone";
  return fields[19];
}

/** Whether a pid is taken: signal 0 asks without sending anything. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it exists and belongs to somebody else.
    return (cause as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function output(...argv: string[]): string {
  const child = Bun.spawnSync(argv, { stdin: "ignore", stderr: "ignore" });
  return child.success ? child.stdout.toString().trim() : "";
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Every caller has an answer of its own for a file that is missing or may not be read.
    return undefined;
  }
}
