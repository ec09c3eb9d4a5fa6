/** Whether anything of a session still runs, without asking every process of the machine where a few will do. */
import { readFileSync } from "node:fs";
import { MARK } from "../common/command-id.ts";

/** So many process numbers at most are looked at one by one; a sweep of them all is faster beyond. */
const MAX_CANDIDATES = 500;
/** Long enough for a short command, too short for the numbers to have gone once around. */
const MAX_AGE_MS = 2000;

/** Process numbers are given out in order: whatever was started since has one between then and now. */
export interface Since {
  readonly lastPid: number | undefined;
  readonly at: number;
}

/** This moment, to ask `surelyNothingLeft` about later. */
export function rememberNow(): Since {
  return { lastPid: lastPid(), at: performance.now() };
}

/**
 * True only where it is certain that no process started `since` carries a mark that begins with `prefix` or belongs to one of the
 * `sessions` (the process numbers of their leaders). False means "look properly".
 */
export function surelyNothingLeft(since: Since, prefix: string, sessions: ReadonlySet<number>): boolean {
  if (since.lastPid === undefined || performance.now() - since.at > MAX_AGE_MS) return false;
  const last = lastPid();
  if (last === undefined || last < since.lastPid || last - since.lastPid > MAX_CANDIDATES) return false;
  for (let pid = since.lastPid + 1; pid <= last; pid++) {
    if (mayBelong(pid, prefix, sessions)) return false;
  }
  return true;
}

function lastPid(): number | undefined {
  try {
    const last = Number(readFileSync("/proc/loadavg", "latin1").trim().split(" ").at(-1));
    return Number.isSafeInteger(last) && last > 0 ? last : undefined;
  } catch {
    return undefined; // no such file here: then the proper look it is
  }
}

function mayBelong(pid: number, prefix: string, sessions: ReadonlySet<number>): boolean {
  const stat = readProcess(pid, "stat");
  if (stat === undefined) return false;
  const [state, , , session] = stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
  if (state === "Z" || state === "X") return false;
  if (sessions.has(Number(session))) return true;
  // An environment that may not be read is another user's, or one that rose above ours: the proper look cannot see more.
  return readProcess(pid, "environ")?.includes(`${MARK}=${prefix}`) ?? false;
}

function readProcess(pid: number, file: "stat" | "environ"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return undefined; // gone, or not ours to read
  }
}
