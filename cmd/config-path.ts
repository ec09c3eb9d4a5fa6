import { existsSync } from "node:fs";
import { defineCommand } from "./command.ts";
import { jsonFlag } from "./flags.ts";
import { configPath } from "./settings.ts";

export const command = defineCommand({
  name: "config path",
  summary: "Print where the configuration file is, whether or not it exists.",
  args: { ...jsonFlag },
  examples: [{ run: '$EDITOR "$(glue config path)"', does: "edit it" }],
  async run(_options, io) {
    const path = configPath(io.env);
    if (io.json) io.outJson({ schemaVersion: 1, path, exists: existsSync(path) });
    else io.out(`${path}\n`);
    return 0;
  },
});
