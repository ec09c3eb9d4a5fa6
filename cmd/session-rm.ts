import { findSession } from "../session/find.ts";
import { removeSession } from "../session/remove.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";

export const command = defineCommand({
  name: "session rm",
  summary: "Remove sessions and everything that is recorded of them.",
  args: {
    id: {
      type: "positional",
      required: true,
      multiple: true,
      complete: "session",
      description: "The sessions, or the beginnings of their ids",
    },
    force: {
      type: "boolean",
      alias: "f",
      description: "Also one that is open, or whose change was never landed or exported: the change is lost",
    },
    ...outputFlags,
  },
  examples: [{ run: "glue session rm mia1 mia2", does: "sessions whose changes are landed" }],
  async run(options, io) {
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    // All are looked up before the first is removed: a word that fits none must not cost the others.
    const ids = [...new Set(options.id.map((given) => findSession(around.home, given, io.cwd)))];
    for (const id of ids) {
      await removeSession(around, id, options.force);
      if (!io.json) io.notice(`Removed session ${id}.`);
    }
    if (io.json) io.outJson({ schemaVersion: 1, removed: ids });
    return 0;
  },
});
