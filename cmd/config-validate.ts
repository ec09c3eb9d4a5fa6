import { resolve } from "node:path";
import { validateConfig } from "../spec/config-read.ts";
import { GlueError } from "../spec/glue-error.ts";
import { defineCommand } from "./command.ts";
import { jsonFlag } from "./flags.ts";
import { configPath } from "./settings.ts";

export const command = defineCommand({
  name: "config validate",
  summary: "Check the configuration file and name every mistake with its line and column.",
  args: {
    file: { type: "positional", required: false, complete: "file", description: "Another file than the one in use" },
    ...jsonFlag,
  },
  examples: [{ run: "glue config validate", does: "0 when it is valid or not there, 2 when not" }],
  async run({ file }, io) {
    const path = file === undefined ? configPath(io.env) : resolve(io.cwd, file);
    const { exists, problems, warnings } = await validateConfig(path);
    if (!exists && file !== undefined) {
      throw new GlueError("configUnreadable", `There is no file ${path}.`, {
        hint: "Give the path of a configuration file.",
      });
    }
    for (const warning of warnings) io.warn(warning);
    if (io.json) io.outJson({ schemaVersion: 1, path, exists, valid: problems.length === 0, problems, warnings });
    else if (problems.length === 0)
      io.out(exists ? `${path} is valid.\n` : `There is no ${path}; the defaults apply.\n`);
    for (const problem of problems) io.err(`${problem.file}:${problem.line}:${problem.column}: ${problem.message}`);
    return problems.length === 0 ? 0 : 2;
  },
});
