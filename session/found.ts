import { isGlueError } from "../spec/glue-error.ts";
import type { Surroundings } from "./session.ts";
import { sessionFolder } from "./store.ts";
import { listUnfinished, tidyEntry } from "./unfinished.ts";

/**
 * One line on the sessions that a killed glue left behind, from the disk alone; undefined where there are none. Cheap enough for every
 * command that opens or lists sessions: only those that some process should be seeing through are looked at, and mostly there are none.
 */
export async function leftBehind(around: Surroundings): Promise<string | undefined> {
  const busy = listUnfinished(around.home).filter((entry) => entry.busy);
  const left: string[] = [];
  for (const { id } of busy) if (await isLeft(around, id)) left.push(id);
  if (left.length === 0) return undefined;
  const shown = left.slice(0, 3).join(", ") + (left.length > 3 ? ", …" : "");
  const what = left.length === 1 ? "1 session was" : `${left.length} sessions were`;
  return `${what} left behind by a glue that was killed (${shown}). glue prune saves the changes and releases what is left.`;
}

async function isLeft(around: Surroundings, id: string): Promise<boolean> {
  const [{ judge }, { readMeta }] = await Promise.all([import("./judge.ts"), import("./read-meta.ts")]);
  const folder = sessionFolder(around.home, id);
  try {
    const meta = readMeta(folder);
    tidyEntry(around.home, id, meta);
    return (await judge(around, folder, meta)).verdict === "orphan";
  } catch (error) {
    if (!isGlueError(error)) throw error;
    // A record that cannot be read is for list and prune to report; here one line about others is all that is wanted.
    return false;
  }
}
