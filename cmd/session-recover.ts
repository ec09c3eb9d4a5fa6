import { findSession } from "../session/find.ts";
import { recoverSession } from "../session/recover.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import { duration } from "./progress.ts";

export const command = defineCommand({
  name: "session recover",
  summary: "Make the patch of a session from its last checkpoint, without its sandbox, and say from when it is.",
  description:
    "For a session whose sandbox is gone or out of reach. What was changed after the checkpoint is not in it; while the sandbox is there, closing the session saves all of it.",
  args: {
    id: {
      type: "positional",
      required: true,
      complete: "session",
      description: "The session, or the beginning of its id",
    },
    ...outputFlags,
  },
  examples: [{ run: "glue session recover mia1", does: "the change as it was at the last checkpoint" }],
  async run(options, io) {
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const id = findSession(around.home, options.id, io.cwd);
    const recovered = await recoverSession(around, id);
    io.endProgress();
    if (io.json) {
      io.outJson({ schemaVersion: 1, id, ...recovered });
      return 0;
    }
    const { at, from, status, facts, files, over } = recovered;
    const age = duration(Math.max(0, around.now() - Date.parse(at)));
    const what =
      status === "nothing"
        ? "nothing had changed"
        : `${counted(facts?.commits, "commit")}, ${counted(facts?.files_changed, "file")} changed`;
    const tree = facts?.head_tree === undefined ? "" : ` · tree ${facts.head_tree}`;
    io.out(`from the ${from} of ${at}, ${age} ago: ${what}${tree}\n`);
    if (files !== undefined) {
      io.notice(`  ${files.mbox}`);
      io.notice(`  glue session apply ${id}`);
    }
    if (!over)
      io.notice(
        `Session ${id} is not over: glue session close ${id} saves what was changed since, if its sandbox is there.`,
      );
    return 0;
  },
});

function counted(count: unknown, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
