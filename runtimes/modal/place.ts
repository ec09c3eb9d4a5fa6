import { GlueError, type SandboxHandle } from "../contract.ts";

/** What is known of a session's sandbox: all of it is in the handle, so that any process can work with it. */
export interface Place {
  readonly sessionId: string;
  /** Modal's id of the sandbox. */
  readonly id: string;
  readonly name: string;
  readonly sh: string;
  /** glue's own folder in the sandbox. */
  readonly private: string;
  /** Processes that keep the sandbox up, by number. */
  readonly spared: readonly number[];
  /** When Modal ends it, milliseconds since 1970. */
  readonly until: number;
}

/** glue's own folder where commands run as root, as they do in most images; else it is in the home of the image's user. */
export const ROOTS_PRIVATE = "/var/lib/glue";
/** Relative to the home. */
export const OTHERS_PRIVATE = ".local/share/glue";

export const spoolOf = (place: Place) => `${place.private}/spool`;
export const launcherOf = (place: Place) => `${place.private}/launch.sh`;
export const filesOf = (place: Place) => `${place.private}/files.sh`;

export function nameOf(sessionId: string): string {
  return `glue-${sessionId}`;
}

export function handleOf(place: Place): SandboxHandle {
  const { sessionId, id, name, sh, spared, until } = place;
  const data = { sessionId, sh, private: place.private, spared: spared.join(" "), until: String(until) };
  return { runtime: "modal", id, name, data };
}

/** Throws `sessionDamaged` where the handle lacks what an open session's has. */
export function placeFrom({ id, name, data }: SandboxHandle): Place {
  const { sessionId, sh, private: own, spared = "", until } = data;
  if (!id || !sessionId || !sh || !own || !until) {
    throw new GlueError("sessionDamaged", `The record of the sandbox ${name} is not whole.`, {
      hint: "It was never open, or something changed the record. glue prune finds its sandbox by its tags.",
    });
  }
  const pids = spared.split(" ").filter(Boolean).map(Number);
  return { sessionId, id, name, sh, private: own, spared: pids, until: Number(until) };
}
