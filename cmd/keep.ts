import { keepSession } from "../session/keeper.ts";
import { watchInterrupts } from "../session/signals.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { defineCommand } from "./command.ts";

/** The keeper of an open session: started by `session start`, never by hand. What it says goes to keeper.log. */
export const command = defineCommand({
  name: "__keep",
  summary: "Keep an open session.",
  hidden: true,
  args: { id: { type: "positional", required: true, description: "The session's id" } },
  examples: [],
  async run({ id }, io) {
    const stamped = (line: string) => io.err(`${new Date().toISOString()} ${line}`);
    const around = surroundingsOf({
      voice: { warn: stamped, notice: stamped },
      progress: () => undefined,
      env: io.env,
    });
    const interrupts = watchInterrupts(stamped, { parent: false });
    try {
      const end = await keepSession(around, id, interrupts.signal);
      stamped(`Ended: ${end}.`);
      return 0;
    } finally {
      interrupts.dispose();
    }
  },
});
