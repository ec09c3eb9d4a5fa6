import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { findSession } from "../../session/find.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder } from "../../session/store.ts";
import { surroundingsOf } from "../../session/surroundings.ts";
import type { RuntimeId } from "../../spec/generated/capabilities.ts";
import { parseDuration } from "../duration.ts";
import type { Io } from "../io.ts";
import { resolveSettings } from "../settings.ts";
import { type Agent, type AgentFile, setupOf } from "./agents.ts";
import { installFile } from "./install.ts";
import { type McpOptions, wordsOf } from "./options.ts";
import { variablesFor } from "./variables.ts";

/** Prints what an agent has to be told, or writes it below the folder. */
export async function configure(
  agent: Agent,
  options: McpOptions & { readonly install: boolean },
  io: Io,
): Promise<number> {
  const { chosen, runtime } = await pinned(options, io);
  const args = ["mcp", ...wordsOf({ ...chosen, cwd: undefined, quiet: false, verbose: false })];
  const { files, outside } = setupOf(agent, { args, variables: variablesFor(runtime, options.env, io.env) });
  const folder = resolve(io.cwd, options.cwd ?? ".");
  if (!options.install) {
    io.out(files.map((file) => `# ${file.path}\n${textOf(file)}`).join("\n"));
    io.notice(`Outside the session: ${outside}`);
    return 0;
  }
  // All are looked at before the first is written.
  const plans = files.map((file) => ({ file, path: join(folder, file.path) }));
  const writes = plans.map(({ file, path }) =>
    installFile(file, path, existsSync(path) ? readFileSync(path, "utf8") : undefined),
  );
  for (const write of writes) io.notice(write());
  io.notice(`Outside the session: ${outside}`);
  return 0;
}

/**
 * The options as they will be started with, each looked at now: nobody sees what a server that an agent started says of a wrong one. The
 * runtime is the one chosen now, so that the agent's place does not change with the configuration; a session has its whole id.
 */
async function pinned(options: McpOptions, io: Io): Promise<{ chosen: McpOptions; runtime: RuntimeId }> {
  if (options.timeout !== undefined) parseDuration(options.timeout, "--timeout");
  if (options["answer-within"] !== undefined) parseDuration(options["answer-within"], "--answer-within");
  if (options.session !== undefined) {
    const { home } = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const session = findSession(home, options.session, io.cwd);
    return { chosen: { ...options, session }, runtime: readMeta(sessionFolder(home, session)).runtime };
  }
  const { runtime } = (await resolveSettings(options, io)).options;
  return { chosen: { ...options, runtime }, runtime };
}

/** The whole of a file that is not there yet. */
function textOf(file: AgentFile): string {
  if (file.kind === "json") return `${JSON.stringify(file.content, null, 2)}\n`;
  return file.kind === "toml" ? `${file.top}\n${file.tables}` : file.content;
}
