import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, statSync, utimesSync, writeSync } from "node:fs";
import { GlueError } from "../spec/glue-error.ts";
import { type Flock, loadFlock, NO_LOCKS } from "./flock.ts";
import { homeError } from "./home.ts";
import type { MachineFacts } from "./owner.ts";

/** What a holder writes into its lock, for the people and processes that have to wait for it. */
export interface LockHolder {
  readonly host: string;
  readonly boot: string;
  readonly pid: number;
  readonly pidStart: string;
  /** What it does, as half a sentence: "closing the session". */
  readonly doing: string;
  /** ISO 8601. */
  readonly since: string;
}

/** A lock that is held. The kernel takes it back when this process ends, however it ends. */
export interface Lock {
  /** Whether another process has begun to wait for it: a holder whose work can be done later may give way. */
  isWanted(): boolean;
  release(): void;
}

export interface LockRequest {
  readonly path: string;
  readonly doing: string;
  readonly facts: MachineFacts;
  /** Milliseconds to wait for another holder; 0 asks once. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
  /** Called once, when there is somebody to wait for. */
  readonly onWait?: (holder: LockHolder | undefined) => void;
  /** The system call; given by tests to stage a file system that cannot lock. */
  readonly flock?: Flock;
}

const EXCLUSIVE_NOW = 2 | 4;
const SHARED_NOW = 1 | 4;
const POLL_MS = 25;

/**
 * Takes an exclusive lock on a file that is made where it is missing. flock(2) does the work: no two processes can hold it, it
 * ends with its holder, and so neither a crash nor a reused pid can leave it behind or give it away; there is no stale lock to
 * steal and no race in stealing it. `sessionBusy` when somebody else still holds it after `waitMs`; `homeUnusable` on a file
 * system that does not keep locks.
 */
export async function takeLock(request: LockRequest): Promise<Lock> {
  const flock = request.flock ?? (await loadFlock());
  const until = performance.now() + request.waitMs;
  let told = false;
  for (;;) {
    const fd = tryLock(request, flock);
    if (fd !== undefined) return hold(fd, request);
    const holder = readHolder(request.path);
    if (request.signal?.aborted)
      throw new GlueError("cancelled", "Interrupted while waiting for another glue process.");
    if (performance.now() >= until) throw busy(request, holder);
    if (!told) request.onWait?.(holder);
    // The holder sees that its file was touched. Again and again, since it may have been another holder's before.
    touch(request.path);
    told = true;
    await Bun.sleep(POLL_MS);
  }
}

/**
 * Whether somebody holds the lock at this moment. Any number may look at once, and none of them is taken for a holder. `homeUnusable` on
 * a file system without locks.
 */
export async function isLocked(path: string): Promise<boolean> {
  const flock = await loadFlock();
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw homeError(cause, path);
  }
  const failed = flock(fd, SHARED_NOW);
  closeSync(fd);
  if (NO_LOCKS.has(failed)) throw cannotLock(path, `flock fails with error ${failed}`);
  return failed !== 0;
}

function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Its session is just being removed, or the home is read-only: then the holder is not told, and is waited for all the same.
  }
}

/** Who holds the lock, by its own word; undefined where nothing readable was left. Says nothing about whether it is held. */
export function readHolder(path: string): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isHolder(value) ? value : undefined;
  } catch {
    // A holder that is just writing, or none: the lock itself is the kernel's, this is only a courtesy.
    return undefined;
  }
}

function tryLock(request: LockRequest, flock: Flock): number | undefined {
  let fd: number;
  try {
    fd = openSync(request.path, "a+", 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new GlueError("sessionNotFound", "There is no such session, or another process removes it.", { cause });
    }
    throw homeError(cause, request.path);
  }
  const failed = flock(fd, EXCLUSIVE_NOW);
  if (failed === 0 && !isStillAt(request.path, fd)) {
    // Its session was removed while we waited: what we hold has no name any more, and protects nothing.
    closeSync(fd);
    return tryLock(request, flock);
  }
  if (failed === 0) {
    refuseFake(request.path, fd, flock);
    return fd;
  }
  closeSync(fd);
  if (NO_LOCKS.has(failed)) throw cannotLock(request.path, `flock fails with error ${failed}`);
  return undefined;
}

/** Some file systems answer every request with yes. A second descriptor is a second holder: it must be turned away. */
function refuseFake(path: string, held: number, flock: Flock): void {
  const second = openSync(path, "r");
  const answer = flock(second, EXCLUSIVE_NOW);
  closeSync(second);
  if (answer !== 0) return;
  closeSync(held);
  throw cannotLock(path, "it gives the same lock to two holders");
}

function isStillAt(path: string, fd: number): boolean {
  try {
    const [now, held] = [statSync(path), fstatSync(fd)];
    return now.ino === held.ino && now.dev === held.dev;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw homeError(cause, path);
  }
}

function hold(fd: number, request: LockRequest): Lock {
  const { host, boot, startOf } = request.facts;
  const holder: LockHolder = {
    host,
    boot,
    pid: process.pid,
    pidStart: startOf(process.pid) ?? "unknown",
    doing: request.doing,
    since: new Date().toISOString(),
  };
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, JSON.stringify(holder));
  } catch (cause) {
    closeSync(fd);
    throw homeError(cause, request.path);
  }
  const { mtimeMs } = fstatSync(fd);
  let held = true;
  return {
    isWanted: () => held && fstatSync(fd).mtimeMs !== mtimeMs,
    release() {
      if (held) closeSync(fd);
      held = false;
    },
  };
}

function busy(request: LockRequest, holder: LockHolder | undefined): GlueError {
  const who =
    holder === undefined
      ? "Another glue process"
      : `Process ${holder.pid}${holder.host === request.facts.host ? "" : " on another machine"}`;
  const what = holder === undefined ? "changing this session" : `${holder.doing} since ${holder.since}`;
  return new GlueError("sessionBusy", `${who} is ${what}.`, {
    hint: "Wait for it to end, then try again.",
    retryable: true,
  });
}

function cannotLock(path: string, why: string): GlueError {
  return new GlueError("homeUnusable", `The file system of ${path} cannot lock files: ${why}.`, {
    hint: "Set GLUE_HOME to a folder on a local disk.",
  });
}

function isHolder(value: unknown): value is LockHolder {
  if (typeof value !== "object" || value === null) return false;
  const { pid, doing, host, since } = value as Record<string, unknown>;
  return typeof pid === "number" && typeof doing === "string" && typeof host === "string" && typeof since === "string";
}
