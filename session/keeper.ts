import { existsSync, statSync } from "node:fs";
import { isGlueError } from "../spec/glue-error.ts";
import { removeIfThere } from "./atomic-file.ts";
import { attachSession } from "./attach.ts";
import { keepCheckpoints } from "./checkpoints.ts";
import { closeIfUnused } from "./close-unused.ts";
import { checkpointsWanted } from "./ensure-keeper.ts";
import { isInUse } from "./judge.ts";
import { removeLease, servedPath, socketPath, writeLease } from "./keeper-lease.ts";
import { type KeeperHandler, serveKeeper } from "./keeper-socket.ts";
import type { LiveSession } from "./live-session.ts";
import { type Lock, takeLock } from "./lock.ts";
import { GLUE_VERSION, isFinal } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import { recordDeath } from "./record-death.ts";
import { saveChange } from "./save.ts";
import type { Surroundings } from "./session.ts";
import { sessionFolder } from "./store.ts";

/** The keeper's rhythms, in milliseconds; tests give shorter ones. */
export interface KeeperTimes {
  /** Between two signs of life. */
  readonly renewMs: number;
  /** Closes the session after this long without a command; never where it is undefined. Default: `idle_minutes`. */
  readonly idleMs?: number | undefined;
  /** How long before the service ends the sandbox the change is saved. */
  readonly saveBeforeMs?: number;
  /** Between two checkpoints. Default: `checkpoint_seconds`. */
  readonly checkpointMs?: number;
  /** When the service ends the sandbox; left out, what the runtime says. */
  readonly deadline?: Date;
}

const RENEW_MS = 30_000;
/** A capture takes seconds; a sandbox that is slow, or a change that is large, gets a minute. */
const SAVE_BEFORE_MS = 60_000;

/** Why a keeper ended. */
export type KeeperEnd = "asked" | "session over" | "sandbox gone" | "idle" | "not needed";

/** How one use of the sandbox ended: by the end of the keeper, or because the way to it is lost. */
type Kept = KeeperEnd | "out of reach";

/**
 * Keeps one open session until it is over or `signal` aborts: says that it lives, makes checkpoints, keeps a lease of the sandbox alive, answers
 * on its socket, and closes the session when it was idle for long enough. Of two keepers of one session the second leaves at once. Everything that it does
 * another process can do as well; its death costs nothing but that it is not done.
 */
export async function keepSession(
  around: Surroundings,
  id: string,
  signal: AbortSignal,
  times: KeeperTimes = { renewMs: RENEW_MS },
): Promise<KeeperEnd> {
  const folder = sessionFolder(around.home, id);
  let lock: Lock;
  try {
    lock = await takeLock({
      path: `${folder.path}/keeper.lock`,
      doing: "keeping the session",
      facts: around.facts,
      waitMs: 0,
    });
  } catch (error) {
    if (isGlueError(error, "sessionBusy")) return "not needed";
    throw error;
  }
  try {
    for (;;) {
      const end = await keepOnce(around, id, signal, times);
      if (end === "sandbox gone") await recordDeath(around, folder);
      if (end !== "out of reach") return end;
      await Bun.sleep(AGAIN_MS);
    }
  } finally {
    lock.release();
  }
}

/** Before the sandbox is reached for once more, in milliseconds. */
const AGAIN_MS = 500;

async function keepOnce(around: Surroundings, id: string, signal: AbortSignal, times: KeeperTimes): Promise<Kept> {
  let session: LiveSession;
  try {
    session = await attachSession(around, { id, cwd: "/" });
  } catch (error) {
    if (isGlueError(error, "sandboxGone")) return "sandbox gone";
    if (isGlueError(error, "sessionClosed") || isGlueError(error, "sessionNotFound")) return "session over";
    throw error;
  }
  try {
    return await keep(session, signal, times);
  } finally {
    await session.detach();
  }
}

async function keep(session: LiveSession, signal: AbortSignal, times: KeeperTimes): Promise<Kept> {
  const { folder, facts } = session;
  const over = Promise.withResolvers<Kept>();
  // One that may come back is reached for again, which tells how it is.
  session.runtime.died.then(({ final, reason }) => {
    session.voice.notice(reason);
    over.resolve(final ? "sandbox gone" : "out of reach");
  });
  const startedAt = new Date(session.now()).toISOString();
  const path = socketPath(folder);
  const socket = serveKeeper(
    path,
    handlerOf(session, startedAt, () => over.resolve("asked")),
  );
  const checkpointMs = times.checkpointMs ?? checkpointsWanted(session);
  const checkpoints =
    checkpointMs === undefined
      ? undefined
      : keepCheckpoints(session, { everyMs: checkpointMs }, () => over.resolve("sandbox gone"));
  const saveInTime = deadlineWatch(session, times);
  const idle = idleWatch(session, times.idleMs ?? idleOption(session));
  let beating = false;
  // Others then need no connection of their own; where it fails, they have one.
  session.runtime.serve?.(servedPath(folder)).catch((error: unknown) => session.voice.warn(said(error)));
  const beat = async () => {
    if (isOver(session)) return over.resolve("session over");
    writeLease(folder, facts, path, startedAt);
    await session.runtime.renew?.();
    await saveInTime();
    if (await idle()) over.resolve("idle");
  };
  const tick = () => {
    if (beating) return;
    beating = true;
    // A beat that fails is tried again with the next one: the session is none the worse for it.
    beat()
      .catch((error: unknown) => session.voice.warn(said(error)))
      .finally(() => {
        beating = false;
      });
  };
  const timer = setInterval(tick, Math.min(times.renewMs, times.idleMs ?? times.renewMs));
  // A beat in between, so that the change is saved when it is due and not up to a beat later.
  const due = setTimeout(tick, Math.max(0, saveDue(session, times) - session.now()));
  const stop = () => over.resolve("asked");
  signal.addEventListener("abort", stop);
  try {
    tick();
    if (signal.aborted) stop();
    return await over.promise;
  } finally {
    signal.removeEventListener("abort", stop);
    clearInterval(timer);
    clearTimeout(due);
    await checkpoints?.stop();
    socket.stop();
    removeLease(folder);
    removeIfThere(servedPath(folder));
  }
}

const said = (error: unknown) => (error instanceof Error ? error.message : String(error));

function handlerOf(session: LiveSession, startedAt: string, stop: () => void): KeeperHandler {
  const hello = { session: session.id, pid: process.pid, glueVersion: GLUE_VERSION, startedAt };
  return async (request) => {
    if (request.do === "hello") return hello;
    if (request.do !== "stop") throw new Error(`This keeper cannot do ${request.do}.`);
    // The answer goes out first.
    setTimeout(stop, 10);
    return {};
  };
}

/** When the change has to be saved because the service will end the sandbox; in milliseconds since 1970, a day from now where it won't. */
function saveDue(session: LiveSession, times: KeeperTimes): number {
  const deadline = times.deadline ?? session.runtime.deadline;
  if (deadline === undefined) return session.now() + 86_400_000;
  return deadline.getTime() - (times.saveBeforeMs ?? SAVE_BEFORE_MS);
}

/** Saves the change once for each deadline, shortly before it: a lease that was renewed has a new one. */
function deadlineWatch(session: LiveSession, times: KeeperTimes): () => Promise<void> {
  let saved = 0;
  return async () => {
    const due = saveDue(session, times);
    if (session.now() < due || due === saved) return;
    const report = await saveChange(session);
    if (report?.status === "unavailable") throw new Error(`The change could not be saved: ${report.message}`);
    saved = due;
  };
}

function idleOption(session: LiveSession): number | undefined {
  const minutes = session.options.idle_minutes;
  return minutes > 0 ? minutes * 60_000 : undefined;
}

/**
 * Closes the session once nothing was written to its log for `idleMs` and no command runs. Measured by a clock that does not jump: a
 * laptop's clock that is set does not end anybody's session.
 */
function idleWatch(session: LiveSession, idleMs: number | undefined): () => Promise<boolean> {
  const size = () => statSync(session.folder.events, { throwIfNoEntry: false })?.size ?? 0;
  let seen = size();
  let since = performance.now();
  return async () => {
    if (idleMs === undefined) return false;
    const now = size();
    if (now !== seen) since = performance.now();
    seen = now;
    if (performance.now() - since < idleMs) return false;
    if (existsSync(session.folder.jobs)) await (await import("./jobs.ts")).settleJobs(session);
    if (isInUse(session, session.folder)) {
      since = performance.now();
      return false;
    }
    return await closeIfUnused(session, () => size() === seen);
  };
}

function isOver(session: LiveSession): boolean {
  try {
    return isFinal(readMeta(session.folder).state);
  } catch (error) {
    if (isGlueError(error, "sessionNotFound")) return true;
    throw error;
  }
}
