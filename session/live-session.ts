import { posix } from "node:path";
import type { Options, RuntimeSession } from "../runtimes/contract.ts";
import { closeSession } from "./close.ts";
import type { SessionMeta } from "./meta.ts";
import { type RecordedCommand, runCommand } from "./run-command.ts";
import type { Session, Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** What `liveSession` puts together. */
export interface SessionParts {
  readonly folder: SessionFolder;
  readonly meta: SessionMeta;
  readonly options: Options;
  readonly runtime: RuntimeSession;
  /** The folder that commands start in: absolute, or relative to the workspace. */
  readonly startFolder: string;
  /** The version of the record that `meta` was read from, where another process may replace it. */
  readonly version?: string | undefined;
}

/** A session whose record this process may replace when it holds the lock. */
export interface LiveSession extends Session {
  meta: SessionMeta;
  readonly version: string | undefined;
}

/** The session of an opened or attached runtime. */
export function liveSession(around: Surroundings, parts: SessionParts): LiveSession {
  const commands = new Set<RecordedCommand>();
  const flush = () => {
    for (const command of commands) command.flush();
  };
  let guard: { stop(): Promise<void> } | undefined;
  const session: LiveSession = {
    ...around,
    id: parts.folder.id,
    folder: parts.folder,
    meta: parts.meta,
    options: parts.options,
    runtime: parts.runtime,
    version: parts.version,
    startFolder: posix.resolve(parts.runtime.paths.workspace, parts.startFolder),
    async run(command, options) {
      if (parts.meta.mode === "copy") guard ??= await (await import("./guard.ts")).guardSession(session);
      const running = await runCommand(session, command, options);
      commands.add(running);
      return running;
    },
    async close(options) {
      flush();
      await guard?.stop();
      return await closeSession(session, options);
    },
    async detach() {
      flush();
      await guard?.stop();
      await parts.runtime.detach();
    },
  };
  return session;
}
