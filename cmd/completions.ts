import { defineCommand } from "./command.ts";
import { SCRIPTS, SHELLS } from "./completion-scripts.ts";

export const command = defineCommand({
  name: "completions",
  summary: "Print the completions of a shell.",
  args: {
    shell: { type: "positional", required: true, options: SHELLS, description: SHELLS.join(", ") },
  },
  examples: [
    { run: 'eval "$(glue completions bash)"', does: "bash: in ~/.bashrc" },
    { run: 'eval "$(glue completions zsh)"', does: "zsh: in ~/.zshrc, after compinit" },
    { run: "glue completions fish > ~/.config/fish/completions/glue.fish", does: "fish" },
    { run: "glue completions powershell | Out-String | Invoke-Expression", does: "PowerShell: in $PROFILE" },
  ],
  async run({ shell }, io) {
    // The parser takes no other word.
    io.out(SCRIPTS[shell as (typeof SHELLS)[number]]);
    return 0;
  },
});
