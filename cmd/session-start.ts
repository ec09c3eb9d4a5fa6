import { resolve } from "node:path";
import { attachSession } from "../session/attach.ts";
import { ensureKeeper } from "../session/ensure-keeper.ts";
import { findAttachable } from "../session/find-attachable.ts";
import { openSession } from "../session/open.ts";
import type { Session } from "../session/session.ts";
import { watchInterrupts } from "../session/signals.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { defineCommand } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { openFlags, outputFlags } from "./flags.ts";
import type { Io } from "./io.ts";
import { safetyLine } from "./safety.ts";
import { readSessionEnv } from "./session-env.ts";
import { resolveSettings } from "./settings.ts";
import { tellLeftBehind } from "./tell-left-behind.ts";

export const command = defineCommand({
  name: "session start",
  summary: "Open a session that outlives this call, and print its id.",
  description:
    "glue exec runs commands in it, from any process; glue session close brings the changes back and releases the sandbox. Until then the sandbox stays.",
  args: {
    ...openFlags,
    attach: {
      type: "string",
      valueHint: "NAME|ID",
      complete: "session",
      description:
        "An open session: check that it is reached, and print its id. A sandbox that a session kept, or that session: open a new session on it",
    },
    env: {
      type: "string",
      alias: "e",
      valueHint: "K=V|NAME",
      multiple: true,
      description: "Set a variable for every command, or pass on what it is where the command is given",
    },
    timeout: {
      type: "string",
      valueHint: "TIME",
      description: "The deadline of every command that has none of its own",
    },
    ...outputFlags,
  },
  examples: [
    { run: "glue session start -r docker", does: "a container that stays until it is closed" },
    { run: "glue session start -r docker --attach glue-mia1", does: "a container that an earlier session kept" },
    {
      run: 's=$(glue session start -r docker) && glue exec -s "$s" -- npm ci && glue session close "$s"',
      does: "in a script",
    },
  ],
  async run(options, io) {
    const defaults = {
      ...readSessionEnv(options.env),
      ...(options.timeout === undefined ? {} : { timeoutMs: parseDuration(options.timeout, "--timeout") }),
    };
    await tellLeftBehind(io);
    const attach = options.attach === undefined ? undefined : findAttachable(homeOf(io), options.attach, io.cwd);
    if (attach?.open !== undefined) return await reach(attach.open, io);
    const resolved = await resolveSettings({ ...options, runtime: options.runtime ?? attach?.runtime }, io);
    const mode = options.copy ? "copy" : attach?.mode;
    const interrupts = watchInterrupts((line) => io.err(line));
    try {
      const session = await openSession({
        resolved,
        cwd: resolve(io.cwd, options.cwd ?? "."),
        update: options.update,
        ...(mode === undefined ? {} : { mode }),
        ...(attach === undefined ? {} : { attach: attach.sandbox }),
        kind: "open",
        ...(Object.keys(defaults).length === 0 ? {} : { defaults }),
        voice: io,
        progress: io.progress,
        recorded: (id) =>
          interrupts.whatIsLeft(() => [`Session ${id} was not opened to the end. glue prune ends what is left of it.`]),
        signal: interrupts.signal,
        env: io.env,
      });
      await ensureKeeper(session);
      await session.detach();
      io.endProgress();
      tell(session, io);
      const safety = safetyLine(session);
      if (!io.json && safety !== undefined) io.notice(safety);
      if (!io.json)
        io.notice(`Open on ${session.meta.runtime}. glue exec -- CMD runs in it; glue session close ends it.`);
      return 0;
    } finally {
      interrupts.dispose();
    }
  },
});

const homeOf = (io: Io) => surroundingsOf({ voice: io, progress: io.progress, env: io.env }).home;

async function reach(id: string, io: Io): Promise<number> {
  const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
  const session = await attachSession(around, { id, cwd: io.cwd });
  await ensureKeeper(session);
  await session.detach();
  tell(session, io);
  return 0;
}

function tell(session: Session, io: Io): void {
  const { id, meta } = session;
  if (!io.json) {
    io.out(`${id}\n`);
    return;
  }
  io.outJson({
    schemaVersion: 1,
    id,
    runtime: meta.runtime,
    requestedRuntime: meta.requestedRuntime,
    mode: meta.mode,
    sandbox: meta.handle.id ?? meta.handle.name,
    folder: meta.tree.top,
    createdAt: meta.createdAt,
    ...(meta.deadline === undefined ? {} : { deadline: meta.deadline }),
  });
}
