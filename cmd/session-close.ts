import { closeById } from "../session/close-by-id.ts";
import { findSession } from "../session/find.ts";
import { watchInterrupts } from "../session/signals.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { mayClose } from "./close-jobs.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";

export const command = defineCommand({
  name: "session close",
  summary: "End a session: stop what runs in it, bring its change back, release the sandbox.",
  description:
    "Closing one that is closed already says so and does nothing. Where the change cannot be brought back the sandbox is kept, and closing can be tried again.\n\nWhile jobs run in it you are asked; where nobody can be asked it stays open and the exit status is 1, unless --kill-jobs or --wait says what becomes of them. What jobs wrote is kept for glue job logs.",
  args: {
    id: {
      type: "positional",
      required: false,
      complete: "open-session",
      description: "The session, or the beginning of its id; left out, the one that is open for this folder",
    },
    "kill-jobs": { type: "boolean", description: "End the jobs that run in it" },
    wait: { type: "boolean", description: "Wait until its jobs are over" },
    ...outputFlags,
  },
  examples: [
    { run: "glue session close", does: "the session of this folder" },
    { run: "glue session close mia1", does: "the one whose id begins so" },
  ],
  async run(options, io) {
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const id = findSession(around.home, options.id, io.cwd);
    const interrupts = watchInterrupts((line) => io.err(line));
    interrupts.whatIsLeft(() => [`Session ${id} was not closed to the end. glue session close ${id} goes on with it.`]);
    try {
      await mayClose(around, id, options, io, interrupts.signal);
    } catch (error) {
      interrupts.dispose();
      throw error;
    }
    interrupts.signal.addEventListener("abort", () =>
      io.warn("The change is saved first. Another interrupt leaves at once."),
    );
    try {
      const report = await closeById(around, id, interrupts.signal);
      io.endProgress();
      if (io.json) {
        const { state, already, kept, capture } = report;
        io.outJson({ schemaVersion: 1, id, state, already, kept, capture: capture ?? null });
      }
      if (report.problem !== undefined) throw report.problem;
      const lost = report.state === "lost";
      const how = lost ? "is lost: its sandbox is gone" : report.already ? "was closed already" : "is closed";
      if (!io.json) io.notice(`Session ${id} ${how}${report.kept ? "; its sandbox is kept" : ""}.`);
      return lost ? 1 : 0;
    } finally {
      interrupts.dispose();
    }
  },
});
