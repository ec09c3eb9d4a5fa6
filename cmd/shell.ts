import { resolve } from "node:path";
import { attachSession } from "../session/attach.ts";
import { ensureKeeper } from "../session/ensure-keeper.ts";
import { findSession } from "../session/find.ts";
import { openSession } from "../session/open.ts";
import type { Session } from "../session/session.ts";
import { type Interrupts, watchInterrupts } from "../session/signals.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { defineCommand } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { readEnvFlags } from "./env-flags.ts";
import { openFlags, outputFlags, RELAYED_EXITS, surroundFlags } from "./flags.ts";
import type { Io } from "./io.ts";
import { usage } from "./parse.ts";
import { type CommandPlan, ptySize, relay, statusOf } from "./relay.ts";
import { runIn } from "./run.ts";
import { sessionFlag } from "./session-flags.ts";
import { resolveSettings } from "./settings.ts";

const { quiet, verbose } = outputFlags;

export const command = defineCommand({
  name: "shell",
  summary: "Work in a session at a terminal.",
  description:
    "In the session that -s names, else in the one that is open for this folder. Where there is none, or with -r, --set or --copy, in a session of its own, which ends with the shell: its changes come back as with glue run.\n\nThe terminal is a real one: Ctrl-C, Ctrl-Z and a new size go to what runs inside. On the host the shell is shell.executable, in a container docker.shell if that is set; else bash where it is there, or sh. In an open session -C is a folder of the sandbox.",
  args: { ...sessionFlag, ...openFlags, ...surroundFlags, quiet, verbose },
  examples: [
    { run: "glue shell", does: "in the session of this folder" },
    { run: "glue shell -r docker --copy", does: "in a container of its own, on a copy of your tree" },
  ],
  exits: RELAYED_EXITS,
  relays: true,
  async run(options, io) {
    const ownSession = options.runtime !== undefined || options.set.length > 0 || options.copy;
    if (options.session !== undefined && ownSession)
      throw usage({ name: "shell" }, "-s names a session that is open; -r, --set and --copy open another.");
    if (!io.terminal.isTTY(0) || !io.terminal.isTTY(1)) {
      throw usage(
        { name: "shell" },
        "A shell needs a terminal as its stdin and stdout.",
        "glue exec runs a command without one.",
      );
    }
    const plan = {
      env: readEnvFlags(options.env, io.env),
      timeoutMs: options.timeout === undefined ? undefined : parseDuration(options.timeout, "--timeout"),
      stdin: true,
      pty: ptySize(io),
      keys: true,
    };
    const id = ownSession ? undefined : openOne(options.session, io);
    const interrupts = watchInterrupts((line) => io.err(line));
    try {
      return id === undefined
        ? await inOwnSession(options, plan, io, interrupts)
        : await inOpenSession(id, options.cwd, plan, io, interrupts);
    } finally {
      interrupts.dispose();
    }
  },
});

type Plan = Omit<CommandPlan, "command">;

/** The session that is meant, or the one that is open here; undefined where none is. */
function openOne(given: string | undefined, io: Io): string | undefined {
  const { home } = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
  try {
    return findSession(home, given, io.cwd);
  } catch (error) {
    if (given === undefined && isGlueError(error, "sessionNotFound")) return undefined;
    throw error;
  }
}

async function inOpenSession(id: string, folder: string | undefined, plan: Plan, io: Io, interrupts: Interrupts) {
  const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
  const session = await attachSession(around, { id, cwd: io.cwd, folder });
  await ensureKeeper(session);
  io.notice(`In session ${id}, on ${session.meta.runtime}; it stays when the shell ends.`);
  const relayed = await relay(session, { ...plan, command: shellOf(session) }, io, interrupts.signal);
  await session.detach();
  if (relayed.result !== undefined) return statusOf(relayed.result);
  const { account } = await import("./account.ts");
  return account({ session, ...relayed }, io);
}

async function inOwnSession(
  options: {
    readonly runtime: string | undefined;
    readonly set: readonly string[];
    readonly copy: boolean;
    readonly cwd: string | undefined;
  },
  plan: Plan,
  io: Io,
  interrupts: Interrupts,
): Promise<number> {
  const session = await openSession({
    resolved: await resolveSettings(options, io),
    cwd: resolve(io.cwd, options.cwd ?? "."),
    ...(options.copy ? { mode: "copy" as const } : {}),
    kind: "process",
    voice: io,
    progress: io.progress,
    recorded: (id) => interrupts.whatIsLeft(() => [`Session ${id} was not ended. glue prune ends what is left of it.`]),
    signal: interrupts.signal,
    env: io.env,
  });
  io.notice(`In a session of its own, on ${session.meta.runtime}; it ends with the shell.`);
  return await runIn(session, { ...plan, command: shellOf(session) }, io, interrupts);
}

/** A sandbox's locale may be none, and then programs take a letter outside ASCII for several characters. */
const PREFERRED = `[ -n "$LC_ALL$LC_CTYPE$LANG" ] || export LANG=C.UTF-8
[ "$1" != sh ] || ! command -v bash >/dev/null 2>&1 || set -- bash
exec "$@"`;

/** The shell to work in: what the options name, else the better of those that the sandbox has. */
function shellOf({ runtime }: Session): CommandPlan["command"] {
  const shell = runtime.executor.shell ?? (["sh"] as const);
  return { argv: runtime.onHost ? shell : ["sh", "-c", PREFERRED, "glue", ...shell] };
}
