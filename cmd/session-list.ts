import { listSessions, type SessionRow } from "../session/list.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { columns } from "./columns.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import { duration } from "./progress.ts";
import { tellLeftBehind } from "./tell-left-behind.ts";

export const command = defineCommand({
  name: "session list",
  summary: "List the sessions that are open, and those whose change was never landed.",
  args: {
    all: { type: "boolean", alias: "a", description: "Every session on record" },
    ...outputFlags,
  },
  examples: [{ run: "glue session list --json", does: "for tools" }],
  async run(options, io) {
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const rows = await listSessions(around, options.all);
    if (io.json) {
      io.outJson({ schemaVersion: 1, sessions: rows });
      return 0;
    }
    await tellLeftBehind(io);
    if (rows.length === 0)
      io.notice(options.all ? "No sessions." : "No open sessions. --all lists those that have ended.");
    else if (io.quiet) io.out(rows.map(({ id }) => `${id}\n`).join(""));
    else
      io.out(
        columns([
          ["ID", "STATE", "RUNTIME", "CHANGE", "LAST USED", "CHECKPOINT", "ENDS", "FOLDER"],
          ...rows.map((row) => cells(row, around.now())),
        ]),
      );
    return 0;
  },
});

function cells(row: SessionRow, now: number): string[] {
  if (row.problem !== undefined) return [row.id, row.state, "-", "-", "-", "-", "-", row.problem.message];
  const ago = (at: string | undefined) =>
    at === undefined ? "-" : `${duration(Math.max(0, now - Date.parse(at)))} ago`;
  const ends =
    row.deadline === undefined || isOver(row) ? "-" : `in ${duration(Math.max(0, Date.parse(row.deadline) - now))}`;
  const runtime = row.runtime === row.requestedRuntime ? row.runtime : `${row.runtime} (not ${row.requestedRuntime})`;
  return [
    row.id,
    stateOf(row),
    runtime ?? "-",
    row.change ?? "-",
    ago(row.lastUsedAt),
    isOver(row) ? "-" : ago(row.checkpointAt),
    ends,
    row.folder ?? "-",
  ];
}

const isOver = ({ state }: SessionRow) => state === "closed" || state === "failed" || state === "lost";

/** A running command is `running`, one whose process died is `left behind`; an open session is what it is. */
function stateOf(row: SessionRow): string {
  if (row.kind !== "process" || row.state !== "open") return row.state;
  return row.ownerState === "dead" ? "left behind" : "running";
}
