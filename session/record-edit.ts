import { randomName } from "./id.ts";
import { recorder, startedEvent } from "./run-command.ts";
import type { Session } from "./session.ts";

/**
 * Records that a file of the sandbox was written by other means than a command: it stands in the log, and the next checkpoint sees that
 * there is something to save. `argv` is what the log shows.
 */
export function recordEdit(session: Session, argv: readonly string[]): void {
  const record = recorder(session);
  const name = `${session.now().toString(36)}${randomName(5)}`;
  record({ ...startedEvent(session, name, {}), argv: [...argv] });
  const at = new Date(session.now()).toISOString();
  record({ at, type: "ended", command: name, exitCode: 0, outcome: "exited", ms: 0 });
}
