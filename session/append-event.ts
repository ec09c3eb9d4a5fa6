/** Apart from events.ts, so that a command that only writes events does not pay for what reading them takes. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { SessionEvent } from "./events.ts";
import { homeError } from "./home.ts";

/** Adds one event: one line, one append, so that processes never mix their lines. Not synced: an event changes no state. */
export function appendEvent(path: string, event: SessionEvent): void {
  const line = new TextEncoder().encode(`${JSON.stringify(event)}\n`);
  try {
    const fd = openSync(path, "a", 0o600);
    try {
      writeSync(fd, line);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw homeError(cause, path);
  }
}
