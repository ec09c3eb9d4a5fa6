import { changeOf, diffAll, findChanged } from "../session/change.ts";
import { readMeta } from "../session/read-meta.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { streamOf } from "../workspace/byte-stream.ts";
import { listFiles } from "../workspace/change.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import { page } from "./pager.ts";
import { changedSession } from "./session-change-args.ts";

export const command = defineCommand({
  name: "session diff",
  summary: "Show what a session changed, as a diff.",
  description: "On a terminal it goes through your pager ($GIT_PAGER, $PAGER, else less).",
  args: {
    ...changedSession,
    stat: { type: "boolean", description: "Only how much of each file changed" },
    ...outputFlags,
  },
  examples: [
    { run: "glue session diff mia1", does: "all of it" },
    { run: "glue session diff --stat", does: "the latest change of this folder, a line a file" },
  ],
  async run(options, io) {
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const folder = findChanged(around.home, options.id, io.cwd);
    const change = await changeOf(around, folder, readMeta(folder));
    if (io.json) {
      const { base } = change.store;
      io.outJson({
        schemaVersion: 1,
        id: folder.id,
        base: base.commit,
        head: change.head,
        files: await listFiles(change),
        units: await Promise.all(
          change.units.map(async ({ path, change: own }) => ({
            path,
            base: own.store.base.commit,
            head: own.head,
            files: await listFiles(own),
          })),
        ),
      });
      return 0;
    }
    // Asking for color of an empty text tells whether this terminal wants it.
    const color = io.paint(1, "red", "x") !== "x";
    await page(streamOf(diffAll(change, { color, ...(options.stat ? { statWidth: io.width(1) } : {}) })), io);
    return 0;
  },
});
