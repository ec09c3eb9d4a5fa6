import { GlueError } from "../spec/glue-error.ts";
import { isFinal, type SessionMeta } from "./meta.ts";

/** `sessionClosed` with what became of it, unless commands may run in the session. */
export function refuseUnlessOpen(meta: SessionMeta): void {
  if (meta.state === "open") return;
  const what = {
    intended: "is still being opened, or its opening was cut short",
    created: "is still being opened, or its opening was cut short",
    closing: "is being closed",
    captured: "is being closed",
    closed: "is closed",
    failed: "was never open: opening it failed",
    lost: "is lost: its sandbox is gone",
  }[meta.state];
  const hint = isFinal(meta.state)
    ? "glue session start opens a new one."
    : `glue session list shows how it goes; glue session close ${meta.id} ends it.`;
  throw new GlueError(
    "sessionClosed",
    `Session ${meta.id} ${what}${meta.note === undefined ? "" : ` (${meta.note})`}.`,
    { hint },
  );
}
