import { resolve } from "node:path";
import { openSession } from "../session/open.ts";
import type { CloseReport, Session } from "../session/session.ts";
import { type Interrupts, watchInterrupts } from "../session/signals.ts";
import { defineCommand } from "./command.ts";
import { commandFlags, openFlags, outputFlags, RELAYED_EXITS } from "./flags.ts";
import type { Io } from "./io.ts";
import { type CommandPlan, planCommand, relay, statusOf } from "./relay.ts";
import { resolveSettings } from "./settings.ts";
import { tellLeftBehind } from "./tell-left-behind.ts";

export const command = defineCommand({
  name: "run",
  summary: "Run one command in a session of its own: open, bring the tree, run, bring the changes back, close.",
  description:
    "Flags of glue come before CMD; everything from CMD on is the command's own and meets no shell. stdin is passed on when it is a pipe or a file (to its end: in a loop that reads from the same pipe, give --no-stdin), a terminal only with -i.",
  args: { ...openFlags, ...commandFlags, ...outputFlags },
  tail: { name: "CMD…", description: "The program and its arguments" },
  examples: [
    { run: "glue run -- make test", does: "on your own machine" },
    { run: "glue run -r docker -- npm ci", does: "in a container; your folder is mounted" },
    { run: "glue run -r docker --copy -- npm ci", does: "in a container, on a copy: the change comes back as commits" },
    { run: "glue run --timeout 5m -e CI=1 -c 'make && make check'", does: "a script, with a deadline and a variable" },
    { run: "glue run -r docker -it -- bash", does: "a terminal inside" },
  ],
  exits: RELAYED_EXITS,
  relays: true,
  async run(options, io) {
    const plan = planCommand("run", options, io);
    const resolved = await resolveSettings(options, io);
    await tellLeftBehind(io);
    const interrupts = watchInterrupts((line) => io.err(line));
    try {
      const session = await openSession({
        resolved,
        cwd: resolve(io.cwd, options.cwd ?? "."),
        ...(options.copy ? { mode: "copy" as const } : {}),
        update: options.update,
        kind: "process",
        voice: io,
        progress: io.progress,
        recorded: (id) =>
          interrupts.whatIsLeft(() => [`Session ${id} was not ended. glue prune ends what is left of it.`]),
        signal: interrupts.signal,
        env: io.env,
      });
      return await runIn(session, plan, io, interrupts);
    } finally {
      interrupts.dispose();
    }
  },
});

/** Runs the command and ends the session, whatever becomes of the command. */
export async function runIn(session: Session, plan: CommandPlan, io: Io, interrupts: Interrupts): Promise<number> {
  const relayed = await relay(session, plan, io, interrupts.signal);
  const closed = await close(session);
  const { result } = relayed;
  // The usual end has nothing to tell, and start-up need not pay for the words.
  if (result !== undefined && closed.problem === undefined && !io.json) return statusOf(result);
  const { account } = await import("./account.ts");
  return account({ session, ...relayed, ...closed }, io);
}

async function close(session: Session): Promise<{ report?: CloseReport; problem?: unknown }> {
  try {
    const report = await session.close();
    // The sandbox is kept: what outlives this process must not take its end for the sandbox's. One that cannot be reached hears of neither.
    if (report.problem !== undefined) await session.detach().catch(() => undefined);
    return { report, problem: report.problem };
  } catch (problem) {
    return { problem };
  }
}
