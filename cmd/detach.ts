import { attachSession } from "../session/attach.ts";
import { ensureKeeper } from "../session/ensure-keeper.ts";
import { findSession } from "../session/find.ts";
import { watchInterrupts } from "../session/signals.ts";
import { startJob } from "../session/start-job.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { parseDuration } from "./duration.ts";
import { readEnvFlags } from "./env-flags.ts";
import type { Io } from "./io.ts";
import { usage } from "./parse.ts";
import { type CommandOptions, commandOf } from "./relay.ts";
import { safetyLine } from "./safety.ts";
import { withShell } from "./script-shell.ts";

/** `exec --detach`: starts a job and prints its id. */
export async function detach(
  options: CommandOptions & { readonly session: string | undefined; readonly cwd: string | undefined },
  io: Io,
): Promise<number> {
  if (options.interactive || options.tty) {
    throw usage({ name: "exec" }, "A job has no terminal and no input: --detach goes with neither -i nor -t.");
  }
  const command = commandOf("exec", options);
  const env = readEnvFlags(options.env, io.env);
  const timeoutMs = options.timeout === undefined ? undefined : parseDuration(options.timeout, "--timeout");
  const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
  const id = findSession(around.home, options.session, io.cwd);
  const interrupts = watchInterrupts((line) => io.err(line));
  try {
    const session = await attachSession(around, { id, cwd: io.cwd, folder: options.cwd });
    interrupts.whatIsLeft(() => [`The job may run in session ${id}. glue job list -s ${id} tells.`]);
    await ensureKeeper(session);
    const job = await startJob(session, withShell(command, session.meta.runtime, session.options), {
      env,
      signal: interrupts.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    await session.detach();
    if (io.json) io.outJson({ schemaVersion: 1, id, job });
    else {
      io.out(`${job.id}\n`);
      const safety = safetyLine(session);
      if (safety !== undefined) io.notice(safety);
      io.notice(`glue job logs -f ${job.id} shows its output; glue job kill ${job.id} ends it.`);
    }
    return 0;
  } finally {
    interrupts.dispose();
  }
}
