import { GlueError, type SandboxHandle } from "../contract.ts";

/** What a sandbox turned out to be, as its handle keeps it for other processes. */
export interface Place {
  readonly sessionId: string;
  readonly id: string;
  readonly name: string;
  /** Where commands and files are reached: the service's proxy and the sandbox's id. */
  readonly url: string;
  /** glue's own folder inside. */
  readonly own: string;
  /** The absolute path of its sh: a command's PATH may lead elsewhere. */
  readonly sh: string;
  /** The absolute path of its perl, if it has one. */
  readonly perl: string | undefined;
}

export function handleOf(place: Place): SandboxHandle {
  const { sessionId, id, name, url, own, sh, perl } = place;
  return {
    runtime: "daytona",
    id,
    name,
    data: { sessionId, url, own, sh, ...(perl === undefined ? {} : { perl }) },
  };
}

/** Undefined for a handle that was only planned. Throws `sessionDamaged` for one that is not whole. */
export function placeFrom(handle: SandboxHandle): Place | undefined {
  const { id, name, data } = handle;
  const { sessionId, url, own, sh, perl } = data;
  if (id === undefined || url === undefined) return undefined;
  if (!sessionId || !own?.startsWith("/") || !sh?.startsWith("/")) {
    throw new GlueError("sessionDamaged", `The record of the sandbox ${name} is not whole.`);
  }
  return { sessionId, id, name, url, own, sh, perl };
}

export function spoolOf(place: Place): string {
  return `${place.own}/spool`;
}
