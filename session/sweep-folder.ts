import { readdirSync, statSync } from "node:fs";
import { isGlueError } from "../spec/glue-error.ts";
import { type Lock, takeLock } from "./lock.ts";
import { removeFolder } from "./remove-folder.ts";
import type { Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** A folder that got no lock for so long belongs to a glue that died in the moment between making the two. */
const ABANDONED_MS = 60_000;

/**
 * Removes the folder of a session that has no record because its glue died before it asked for anything. `opening`: somebody may be about
 * to write the record. `full`: there is more in it than opening a session leaves in the first moment, so it stays.
 */
export async function sweepFolder(
  around: Surroundings,
  folder: SessionFolder,
  dryRun: boolean,
): Promise<"swept" | "opening" | "full"> {
  const names = readdirSync(folder.path);
  if (!names.every((name) => name === "lock" || name === "meta.json.new")) return "full";
  if (!names.includes("lock")) {
    if (around.now() - statSync(folder.path).mtimeMs < ABANDONED_MS) return "opening";
    if (!dryRun) removeFolder(around.home, folder);
    return "swept";
  }
  let lock: Lock;
  try {
    lock = await takeLock({
      path: folder.lock,
      doing: "removing what was never opened",
      facts: around.facts,
      waitMs: 0,
    });
  } catch (error) {
    if (isGlueError(error, "sessionBusy")) return "opening";
    throw error;
  }
  try {
    // It may have got its record, or a whole life, since we looked.
    if (readdirSync(folder.path).includes("meta.json")) return "opening";
    if (!dryRun) removeFolder(around.home, folder);
    return "swept";
  } finally {
    lock.release();
  }
}
