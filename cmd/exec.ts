import { attachSession } from "../session/attach.ts";
import { ensureKeeper } from "../session/ensure-keeper.ts";
import { findSession } from "../session/find.ts";
import { watchInterrupts } from "../session/signals.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { defineCommand } from "./command.ts";
import { commandFlags, outputFlags, RELAYED_EXITS } from "./flags.ts";
import { planCommand, relay, statusOf } from "./relay.ts";
import { sessionFlag } from "./session-flags.ts";

export const command = defineCommand({
  name: "exec",
  summary: "Run a command in an open session.",
  description:
    "Reaches the session from any process, by its record alone: the configuration is not read. The command starts in the folder you are in when that belongs to the session's tree, else at its top.",
  args: {
    ...sessionFlag,
    cwd: {
      type: "string",
      alias: "C",
      valueHint: "DIR",
      description: "Start in this folder of the sandbox; a relative one is below the workspace",
    },
    ...commandFlags,
    detach: {
      type: "boolean",
      alias: "d",
      description: "Start a job, which goes on when this call is over, and print its id; its stdin is at its end",
    },
    ...outputFlags,
  },
  tail: { name: "CMD…", description: "The program and its arguments" },
  examples: [
    { run: "glue exec -- make test", does: "in the session that is open for this folder" },
    { run: "glue exec -s mia1 --timeout 5m -c 'make && make check'", does: "in another one, with a deadline" },
    { run: "glue exec --detach -- npm start", does: "as a job: glue job logs -f shows its output" },
    { run: "tar c src | glue exec -C /tmp -- tar x", does: "stdin is passed on" },
  ],
  exits: RELAYED_EXITS,
  relays: true,
  async run(options, io) {
    if (options.detach) return await (await import("./detach.ts")).detach(options, io);
    const plan = planCommand("exec", options, io);
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const id = findSession(around.home, options.session, io.cwd);
    const interrupts = watchInterrupts((line) => io.err(line));
    try {
      const session = await attachSession(around, { id, cwd: io.cwd, folder: options.cwd, unseen: true });
      interrupts.whatIsLeft(() => [`The command may still run in session ${id}. glue session close ${id} ends it.`]);
      await ensureKeeper(session);
      const relayed = await relay(session, plan, io, interrupts.signal);
      await session.detach();
      if (relayed.result !== undefined && !io.json) return statusOf(relayed.result);
      const { account } = await import("./account.ts");
      return account({ session, ...relayed }, io);
    } finally {
      interrupts.dispose();
    }
  },
});
