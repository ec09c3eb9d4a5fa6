import type { Owner } from "../contract.ts";

/** What the file in a sprite says of the session that uses it, and of who answers for that session. */
export interface Lease {
  readonly sessionId: string;
  readonly owner: Owner;
  /** True for a sprite that was made for the session: it belongs to glue alone. */
  readonly ours: boolean;
}

/** One line, which setup.sh compares as text: the session's id stands in it as `"session":"ID"`. */
export function leaseLine({ sessionId, owner, ours }: Lease): string {
  return JSON.stringify({ format: 1, session: sessionId, ours, owner });
}

/** Undefined where it is not whole, or of a format that is not known: then nothing is proven. */
export function parseLease(text: string): Lease | undefined {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    // Written by something else, or torn.
    return undefined;
  }
  if (typeof said !== "object" || said === null) return undefined;
  const { format, session, ours, owner } = said as Record<string, unknown>;
  if (format !== 1 || typeof session !== "string" || typeof owner !== "object" || owner === null) return undefined;
  const { kind, host, boot, pid, pidStart } = owner as Record<string, unknown>;
  if (kind !== "process" && kind !== "open") return undefined;
  if (typeof host !== "string" || typeof boot !== "string" || typeof pidStart !== "string" || !Number.isInteger(pid))
    return undefined;
  return { sessionId: session, ours: ours === true, owner: { kind, host, boot, pid: Number(pid), pidStart } };
}
