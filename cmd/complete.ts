import { defineCommand } from "./command.ts";
import { candidates } from "./completion.ts";

/** What the shells' completions ask. */
export const command = defineCommand({
  name: "__complete",
  summary: "Print what may follow, a candidate and its description a line.",
  args: {},
  tail: { name: "WORDS…", description: "The command line after glue; the last word is the one to complete" },
  examples: [],
  hidden: true,
  async run({ tail }, io) {
    for (const { value, description } of await candidates(tail)) io.out(`${value}\t${description}\n`);
    return 0;
  },
});
