import { resolve } from "node:path";
import { attachSession } from "../session/attach.ts";
import { ensureKeeper } from "../session/ensure-keeper.ts";
import { findSession } from "../session/find.ts";
import { openSession } from "../session/open.ts";
import { modeOf } from "../session/runtime-options.ts";
import { watchInterrupts } from "../session/signals.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { defineCommand } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { readEnvFlags } from "./env-flags.ts";
import type { Io } from "./io.ts";
import type { McpOptions } from "./mcp/options.ts";
import { createServer } from "./mcp/server.ts";
import { LineTransport } from "./mcp/transport.ts";
import { type SessionSource, Workshop } from "./mcp/workshop.ts";
import { command as mcp } from "./mcp.ts";
import { resolveSettings } from "./settings.ts";

/** Clients mostly give up after 60 s. */
const ANSWER_MS = 45_000;

/** The server itself: started by `mcp`, never by hand. */
export const command = defineCommand({
  name: "__mcp",
  summary: "Serve the tools.",
  hidden: true,
  args: mcp.args,
  examples: [],
  async run(options, io) {
    const within = options["answer-within"];
    const answerMs = within === undefined ? ANSWER_MS : parseDuration(within, "--answer-within");
    const interrupts = watchInterrupts((line) => io.err(line), { once: true });
    try {
      const opening = (what: string) => {
        workshop.opening = what;
      };
      const { source, place } =
        options.session === undefined ? await ownSession(options, io, opening) : openOne(options, io);
      const workshop = new Workshop(source);
      const transport = new LineTransport(io.terminal.stdin(), (bytes) => io.stream(1, bytes));
      const server = createServer(workshop, { answerMs, instructions: instructionsFor(place) });
      const gone = new Promise<void>((done) => {
        server.onclose = done;
        interrupts.signal.addEventListener("abort", () => done());
      });
      server.onerror = (error) => io.detail(error.message);
      await server.connect(transport);
      await gone;
      await server.close();
      await workshop.close();
      return 0;
    } finally {
      interrupts.dispose();
    }
  },
});

/** A source, and where its session is, for a model. */
interface Place {
  readonly source: SessionSource;
  readonly place: string;
}

/** `opening` is told what is done while the session is being opened. */
async function ownSession(options: McpOptions, io: Io, opening: (what: string) => void): Promise<Place> {
  const resolved = await resolveSettings(options, io);
  const { runtime } = resolved.options;
  const direct = !options.copy && modeOf(runtime, resolved.options) === "direct";
  return {
    place: `a session on the runtime "${runtime}", ${direct ? "directly on the user's own files" : "on a copy of the user's files that starts as they are now; what you change comes back to the user for review when you are done"}`,
    source: {
      ...commonOf(options, io),
      async open(signal) {
        const session = await openSession({
          resolved,
          cwd: resolve(io.cwd, options.cwd ?? "."),
          ...(options.copy ? { mode: "copy" as const } : {}),
          update: options.update,
          fallback: false,
          kind: "process",
          voice: io,
          progress: (event) => {
            opening(event.what);
            io.progress(event);
          },
          signal,
          env: io.env,
        });
        io.endProgress();
        return session;
      },
      async finish(session) {
        const { problem } = await session.close();
        if (problem === undefined) return;
        // The sandbox is kept; one that cannot be reached need not hear that we go.
        await session.detach().catch(() => undefined);
        throw problem;
      },
    },
  };
}

function openOne(options: McpOptions, io: Io): Place {
  const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
  const id = findSession(around.home, options.session, io.cwd);
  return {
    place: `the session ${id}, which its user opened and which stays open when you are done`,
    source: {
      ...commonOf(options, io),
      async open() {
        const session = await attachSession(around, { id, cwd: io.cwd, folder: options.cwd });
        await ensureKeeper(session);
        return session;
      },
      finish: (session) => session.detach(),
    },
  };
}

function commonOf(options: McpOptions, io: Io) {
  return {
    env: readEnvFlags(options.env, io.env),
    timeoutMs: options.timeout === undefined ? undefined : parseDuration(options.timeout, "--timeout"),
    allowOutside: options["allow-outside"],
  };
}

function instructionsFor(place: string): string {
  return `These tools work in ${place}. Use them for every command and every file of the project, in place of tools of your own that work on the user's machine: those see other files. Paths are relative to the project folder. The first call opens the session and may take longer than later ones.`;
}
