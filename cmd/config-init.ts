import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { homeError } from "../session/home.ts";
import { CONFIG_INIT } from "../spec/generated/config-init.ts";
import { GlueError } from "../spec/glue-error.ts";
import { defineCommand } from "./command.ts";
import { jsonFlag } from "./flags.ts";
import { configPath } from "./settings.ts";
import { errnoOf } from "./terminal.ts";

export const command = defineCommand({
  name: "config init",
  summary: "Write a configuration file that holds every option, commented out, with what it means.",
  args: {
    print: { type: "boolean", description: "Print it instead of writing the file" },
    ...jsonFlag,
  },
  examples: [
    { run: "glue config init", does: "write the file; one that is there is never overwritten" },
    { run: "glue config init --print | less", does: "only look at it" },
  ],
  async run({ print }, io) {
    if (print) {
      io.out(CONFIG_INIT);
      return 0;
    }
    const path = configPath(io.env);
    write(path);
    if (io.json) io.outJson({ schemaVersion: 1, path });
    else io.out(`${path}\n`);
    return 0;
  },
});

function write(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // It may come to hold a secret.
    writeFileSync(path, CONFIG_INIT, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    if (errnoOf(cause) !== "EEXIST") throw homeError(cause, path);
    throw new GlueError("fileExists", `${path} exists already.`, {
      hint: "Edit it, or compare it with what glue config init --print prints.",
      cause,
    });
  }
}
