import { CONFIG_SCHEMA } from "../spec/generated/config-schema.ts";
import { defineCommand } from "./command.ts";
import { jsonFlag } from "./flags.ts";

export const command = defineCommand({
  name: "config schema",
  summary: "Print the JSON Schema of the configuration file.",
  args: { ...jsonFlag },
  examples: [{ run: "glue config schema > config.schema.json", does: "let an editor check the file while you type" }],
  async run(_options, io) {
    io.out(`${JSON.stringify(CONFIG_SCHEMA, null, 2)}\n`);
    return 0;
  },
});
