import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { isGlueError } from "../spec/glue-error.ts";
import { liveLease } from "./keeper-lease.ts";
import { askKeeper } from "./keeper-socket.ts";
import type { Session, Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** Starts the session's keeper where none lives. Does not wait for it. */
export function spawnKeeper(session: Session): void {
  if (liveLease(session.folder, session.facts) !== undefined) return;
  const log = openSync(join(session.folder.path, "keeper.log"), "a", 0o600);
  try {
    const program = Bun.isStandaloneExecutable ? [] : [join(import.meta.dir, "..", "cmd", "main.ts")];
    const keeper = Bun.spawn([process.execPath, ...program, "__keep", session.id], {
      // A session of its own: the terminal that it was started from may go.
      detached: true,
      // Not the caller's: a folder that somebody wants to remove or unmount must not be held.
      cwd: "/",
      env: { ...session.env, GLUE_HOME: session.home.root },
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
    keeper.unref();
  } finally {
    closeSync(log);
  }
}

const STOP_MS = 2_000;

/** Tells the keeper of a session that it is over, if one lives. One that does not hear it finds out by itself. */
export async function dismissKeeper(around: Surroundings, folder: SessionFolder): Promise<void> {
  const lease = liveLease(folder, around.facts);
  if (lease === undefined || lease.pid === process.pid) return;
  try {
    await askKeeper(lease.socket, { do: "stop" }, STOP_MS);
  } catch (error) {
    if (!isGlueError(error)) throw error;
  }
}
