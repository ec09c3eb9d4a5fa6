import type { Command } from "../../runtimes/contract.ts";
import type { LiveSession } from "../../session/live-session.ts";
import { startJob } from "../../session/start-job.ts";
import { withShell } from "../script-shell.ts";
import { lastLine, render } from "./output.ts";
import { defineTool } from "./tool.ts";
import type { Facts } from "./workshop.ts";

export const bash = defineTool({
  name: "bash",
  description:
    "Run a shell command in the session's sandbox and return its stdout, stderr and exit code. Every call is a new shell in the project folder: variables, cd and functions do not carry over, files do. stdin is empty. Long output is cut in the middle, and the answer says how to read the rest. A command that takes longer than about 45 seconds is not ended: the answer names a job, and job_output waits for it. Use background for servers and watchers.",
  params: {
    command: {
      type: "string",
      required: true,
      description: "The command line, run by bash where the sandbox has it, else by sh.",
    },
    timeout: {
      type: "integer",
      minimum: 1,
      description: "Seconds after which the command and everything it started is killed. Without it there is no limit.",
    },
    background: {
      type: "boolean",
      description: "Start it as a job and return its id at once. It ends with the session.",
    },
    cwd: { type: "string", description: "The folder to start in. Default: the project folder." },
  },
  async run({ command, timeout, background, cwd }, call) {
    const { workshop } = call;
    const session = await workshop.session(call);
    const folder = cwd === undefined ? session.startFolder : workshop.path(session, cwd);
    const line = shellOf(session, await workshop.facts(session), command);
    const { env, timeoutMs = session.meta.defaults?.timeoutMs } = workshop.source;
    const limit = timeout === undefined ? timeoutMs : timeout * 1_000;
    const how = { cwd: folder, env, ...(limit === undefined ? {} : { timeoutMs: limit }) };
    call.signal.throwIfAborted();
    if (background === true) {
      const { number, id } = await startJob(session, line, { ...how, signal: call.signal });
      workshop.job(session, number);
      return `[started as job ${number} (${id}): job_output with id "${number}" reads what it writes, job_kill ends it]`;
    }
    const work = workshop.own(session, ({ signal, sink }) =>
      session.run(line, { ...how, signal, sink, graceMs: session.options.kill_grace_seconds * 1_000 }),
    );
    let told = "it runs";
    call.tell(() => told);
    const watch = setInterval(() => {
      work
        .wait(0)
        .then(async (state) => {
          told = `${state.stdout + state.stderr} bytes of output so far; ${await lastLine(work, state)}`;
        })
        // Whatever went wrong is the answer's to tell.
        .catch(() => undefined);
    }, 1_000);
    try {
      const state = await work.wait(call.until - performance.now(), call.signal);
      if (call.signal.aborted) return await render(work, await work.kill());
      return await render(work, state);
    } finally {
      clearInterval(watch);
    }
  },
});

/** The user's own choice of a shell comes first, then bash, which is what models write for. */
function shellOf(session: LiveSession, facts: Facts, script: string): Command {
  const chosen = withShell({ script }, session.meta.runtime, session.options);
  const named = ("shell" in chosen ? chosen.shell : undefined) ?? session.runtime.executor.shell?.[0] ?? "sh";
  return named === "sh" && facts.bash ? { script, shell: "bash" } : chosen;
}
