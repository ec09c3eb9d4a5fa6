/** What a shell's completion offers: from the disk alone, without a lock, writing nothing, and never an error. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "./home.ts";
import { isSessionId } from "./id.ts";
import { type SessionFolder, sessionFolder } from "./store.ts";

/** However many there are, a completion looks at the latest of them only. */
const MOST = 100;

/** The ids of the sessions that are open, the latest first. */
export function liveSessions(home: Home): string[] {
  const ids = candidates(home).filter(isSessionId).sort().reverse();
  return ids.slice(0, MOST).filter((id) => stateOf(sessionFolder(home, id)) === "open");
}

/** A job as it is offered. */
export interface LiveJob {
  /** `<session>/<number>` */
  readonly id: string;
  readonly running: boolean;
  /** The beginning of its command, in one line. */
  readonly text: string;
}

/** The jobs of the sessions that are open, the latest session first; whether one runs is as it was last seen. */
export function liveJobs(home: Home): LiveJob[] {
  return liveSessions(home).flatMap((id) => {
    const { jobs } = sessionFolder(home, id);
    const numbers = names(jobs)
      .filter((name) => /^[1-9]\d*$/.test(name))
      .sort((a, b) => Number(b) - Number(a));
    return numbers.slice(0, MOST).map((number) => ({
      id: `${id}/${number}`,
      running: statSync(join(jobs, number, "end.json"), { throwIfNoEntry: false }) === undefined,
      text: textOf(join(jobs, number, "job.json")),
    }));
  });
}

/** The index of sessions that are not over, where it is there; making it is not for a completion. */
function candidates(home: Home): string[] {
  const indexed = names(join(home.cache, "unfinished"));
  return indexed.length > 0 ? indexed : names(home.sessions);
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there, or not readable: then there is nothing to offer.
    return [];
  }
}

function stateOf({ meta }: SessionFolder): unknown {
  return field(meta, "state");
}

function textOf(path: string): string {
  const argv = field(path, "argv");
  const script = field(path, "script");
  const text = Array.isArray(argv) ? argv.join(" ") : typeof script === "string" ? script : "";
  return text.slice(0, 200).replaceAll(/\s+/g, " ").slice(0, 50);
}

function field(path: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  } catch {
    // Gone since, or torn: one that cannot be read is not offered.
    return undefined;
  }
}
