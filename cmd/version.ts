import { BUILD } from "./build-info.ts";
import { defineCommand } from "./command.ts";
import { jsonFlag } from "./flags.ts";

export const command = defineCommand({
  name: "version",
  summary: "Print the version, the commit and the target of this binary.",
  args: { ...jsonFlag },
  examples: [{ run: "glue version --json", does: "for tools" }],
  async run(_options, io) {
    if (io.json) io.outJson({ schemaVersion: 1, ...BUILD });
    else io.out(`glue ${BUILD.version} (${BUILD.commit.slice(0, 12)}, ${BUILD.target})\n`);
    return 0;
  },
});
