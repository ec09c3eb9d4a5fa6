import { resolve } from "node:path";
import { exportChange, findChanged } from "../session/change.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { GlueError } from "../spec/glue-error.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import { changedSession } from "./session-change-args.ts";

export const command = defineCommand({
  name: "session export",
  summary: "Copy the change of a session to a file or a folder.",
  args: {
    ...changedSession,
    to: {
      type: "string",
      valueHint: "DIR|FILE",
      complete: "file",
      description:
        "A folder (everything), or a file that ends in .mbox (for git am), .bundle (for git fetch) or .patch (for git apply)",
    },
    ...outputFlags,
  },
  examples: [
    { run: "glue session export mia1 --to change.patch", does: "one patch, for git apply" },
    { run: "glue session export mia1 --to ../mail/", does: "all that another machine needs" },
  ],
  async run(options, io) {
    if (options.to === undefined) throw new GlueError("usage", "--to says where to write; it is missing.");
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const folder = findChanged(around.home, options.id, io.cwd);
    const slash = options.to.endsWith("/") ? "/" : "";
    const files = await exportChange(around, folder, resolve(io.cwd, options.to) + slash);
    if (io.json) io.outJson({ schemaVersion: 1, id: folder.id, files });
    else io.out(files.map((file) => `${file}\n`).join(""));
    return 0;
  },
});
