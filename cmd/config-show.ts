import { configShow } from "../spec/config-show.ts";
import { columns } from "./columns.ts";
import { defineCommand } from "./command.ts";
import { jsonFlag, settingFlags } from "./flags.ts";
import { configPath, resolveSettings } from "./settings.ts";

export const command = defineCommand({
  name: "config show",
  summary: "Print every option's value and where it came from; secrets are masked.",
  args: { ...settingFlags, ...jsonFlag },
  examples: [
    { run: "glue config show", does: "what a command would use now" },
    { run: "GLUE_RUNTIME=docker glue config show", does: "what an environment variable changes" },
  ],
  async run(flags, io) {
    const shown = configShow(await resolveSettings(flags, io, "none"));
    if (io.json) {
      const options = shown.map(({ text: _text, ...option }) => option);
      io.outJson({ schemaVersion: 1, path: configPath(io.env), options });
      return 0;
    }
    const rows = shown.map(({ key, text, source, problem }) => [
      key,
      text,
      io.paint(1, "dim", source) +
        (problem === undefined ? "" : `  ${io.paint(1, "yellow", `cannot be used: ${problem}`)}`),
    ]);
    io.out(columns(rows));
    return 0;
  },
});
