import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Io } from "../io.ts";
import { resolveSettings } from "../settings.ts";
import { type Agent, type AgentFile, setupOf } from "./agents.ts";
import { installFile } from "./install.ts";
import { type McpOptions, wordsOf } from "./options.ts";

/** Prints what an agent has to be told, or writes it below the folder. */
export async function configure(
  agent: Agent,
  options: McpOptions & { readonly install: boolean },
  io: Io,
): Promise<number> {
  const args = ["mcp", ...wordsOf({ ...(await pinned(options, io)), cwd: undefined, quiet: false, verbose: false })];
  const { files, outside } = setupOf(agent, args);
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

/** The runtime as it is chosen now: what the agent starts later does not change its place with the configuration. */
async function pinned(options: McpOptions, io: Io): Promise<McpOptions> {
  if (options.session !== undefined || options.runtime !== undefined) return options;
  const { options: values } = await resolveSettings(options, io);
  return { ...options, runtime: values.runtime };
}

/** The whole of a file that is not there yet. */
function textOf(file: AgentFile): string {
  if (file.kind === "json") return `${JSON.stringify(file.content, null, 2)}\n`;
  return file.kind === "toml" ? `${file.top}\n${file.tables}` : file.content;
}
