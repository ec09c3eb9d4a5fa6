import { realpathSync } from "node:fs";
import { relative } from "node:path";
import type { Progress } from "../runtimes/contract.ts";
import { loadRuntime } from "../runtimes/factory.ts";
import { GlueError } from "../spec/glue-error.ts";
import { resolveReferences } from "../spec/references.ts";
import type { Env } from "../spec/resolve.ts";
import { type Home, openHome } from "./home.ts";
import { isInside } from "./host-tree.ts";
import { type LiveSession, liveSession } from "./live-session.ts";
import { isFinal, type SessionMeta } from "./meta.ts";
import { machineFacts } from "./owner.ts";
import type { Surroundings, Voice } from "./session.ts";
import { readMeta, type SessionFolder, sessionFolder } from "./store.ts";

/** What reaching an open session takes. */
export interface AttachRequest {
  readonly id: string;
  /** Where the caller stands. Absolute; need not exist. */
  readonly cwd: string;
  readonly voice: Voice;
  readonly progress: Progress;
  readonly env?: Env;
  readonly home?: Home;
  readonly now?: () => number;
}

/**
 * Reaches a session that another process opened: by its record alone, without the configuration and without a lock, so any number of
 * processes may do it at once. `sessionClosed` where it has ended or is about to.
 */
export async function attachSession(request: AttachRequest): Promise<LiveSession> {
  const { voice, progress, env = process.env } = request;
  const home = request.home ?? openHome(env);
  const folder = sessionFolder(home, request.id);
  const meta = readMeta(folder);
  if (meta.state !== "open") throw notOpen(meta);
  const around: Surroundings = { home, facts: machineFacts(home.root), voice, progress, now: request.now ?? Date.now };
  return await attachTo(around, folder, meta, env, startIn(meta, request.cwd));
}

/** Attaches to the sandbox of a record that may be in any state; the caller knows what it does. */
export async function attachTo(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  env: Env,
  subfolder = meta.tree.subfolder,
): Promise<LiveSession> {
  const options = await resolveReferences(meta.options, env);
  const runtime = await (await loadRuntime(meta.runtime)).attach(meta.handle, options);
  return liveSession(around, { folder, meta, options, runtime, subfolder });
}

/** The caller's own subfolder where it stands in the session's tree, else the top. */
function startIn(meta: SessionMeta, cwd: string): string {
  const { top } = meta.tree;
  let stands: string;
  try {
    stands = realpathSync(cwd);
  } catch {
    // A folder that is gone is in no tree; the command does not need it either.
    return "";
  }
  return isInside(stands, top) ? relative(top, stands) : "";
}

function notOpen(meta: SessionMeta): GlueError {
  const what = {
    intended: "is still being opened, or its opening was cut short",
    created: "is still being opened, or its opening was cut short",
    open: "is open",
    closing: "is being closed",
    captured: "is being closed",
    closed: "is closed",
    failed: "was never open: opening it failed",
    lost: "is lost: its sandbox is gone",
  }[meta.state];
  const hint = isFinal(meta.state)
    ? "glue session start opens a new one."
    : `glue session list shows how it goes; glue session close ${meta.id} ends it.`;
  return new GlueError(
    "sessionClosed",
    `Session ${meta.id} ${what}${meta.note === undefined ? "" : ` (${meta.note})`}.`,
    { hint },
  );
}
