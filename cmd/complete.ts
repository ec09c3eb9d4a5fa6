import { defineCommand } from "./command.ts";
import { candidates } from "./completion.ts";

/** What the shells' completions ask. */
export const command = defineCommand({
  name: "__complete",
  summary: "Print what may follow, a candidate and its description a line.",
  args: {
    // PowerShell drops an empty word; this one is never empty.
    word: { type: "string", valueHint: "WORD", description: "The word to complete, in place of the last of WORDS" },
  },
  tail: { name: "WORDS…", description: "The command line after glue; without --word the last one is to be completed" },
  examples: [],
  hidden: true,
  async run({ tail, word }, io) {
    for (const { value, description } of await candidates(word === undefined ? tail : [...tail, word]))
      io.out(`${value}\t${description}\n`);
    return 0;
  },
});
