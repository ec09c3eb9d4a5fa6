import { GlueError } from "../spec/glue-error.ts";
import { isFinal, type SessionMeta } from "./meta.ts";
import { isAlive } from "./owner.ts";
import type { Surroundings } from "./session.ts";

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

/** `sessionBusy` for a session of one process that still runs: that process alone writes its record and ends it. */
export function refuseIfOwned(around: Surroundings, meta: SessionMeta): void {
  if (meta.owner.kind !== "process" || isFinal(meta.state) || isAlive(meta.owner, around.facts).state !== "alive")
    return;
  throw new GlueError(
    "sessionBusy",
    `Session ${meta.id} belongs to a glue that runs (process ${meta.owner.pid}), which ends it.`,
    {
      hint: `Wait for that, or end it with kill ${meta.owner.pid}.`,
    },
  );
}
