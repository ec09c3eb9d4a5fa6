import { GlueError, type SandboxHandle } from "../contract.ts";

/** What is known of a session's sandbox: all of it is in the handle, so that any process can work with it. */
export interface Place {
  readonly sessionId: string;
  /** Modal's id of the sandbox. */
  readonly id: string;
  readonly name: string;
  readonly sh: string;
  /** Processes that keep the sandbox up, by number. */
  readonly spared: readonly number[];
  /** When Modal ends it, milliseconds since 1970. */
  readonly until: number;
}

export const WORKSPACE = "/workspace";
/** glue's own folder in every sandbox: commands there run as root, as a rule. */
export const PRIVATE = "/var/lib/glue";
export const SPOOL = `${PRIVATE}/spool`;
export const LAUNCHER_FILE = `${PRIVATE}/launch.sh`;
export const FILES_FILE = `${PRIVATE}/files.sh`;

export function nameOf(sessionId: string): string {
  return `glue-${sessionId}`;
}

export function handleOf(place: Place): SandboxHandle {
  const { sessionId, id, name, sh, spared, until } = place;
  return { runtime: "modal", id, name, data: { sessionId, sh, spared: spared.join(" "), until: String(until) } };
}

/** Throws `sessionDamaged` where the handle lacks what an open session's has. */
export function placeFrom({ id, name, data }: SandboxHandle): Place {
  const { sessionId, sh, spared = "", until } = data;
  if (id === undefined || sessionId === undefined || sh === undefined || until === undefined) {
    throw new GlueError("sessionDamaged", `The record of the sandbox ${name} is not whole.`, {
      hint: "It was never open, or something changed the record. glue prune finds its sandbox by its tags.",
    });
  }
  return { sessionId, id, name, sh, spared: spared.split(" ").filter(Boolean).map(Number), until: Number(until) };
}
