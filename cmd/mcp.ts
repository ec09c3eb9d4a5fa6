import { join } from "node:path";
import { defineCommand } from "./command.ts";
import { openFlags, outputFlags, surroundFlags } from "./flags.ts";
import type { Io } from "./io.ts";
import { AGENTS } from "./mcp/agents.ts";
import { type McpOptions, wordsOf } from "./mcp/options.ts";
import { usage } from "./parse.ts";

const { quiet, verbose } = outputFlags;

export const command = defineCommand({
  name: "mcp",
  summary: "Give a coding agent tools that work in a session: an MCP server on stdin and stdout.",
  description:
    "The tools are bash, read_file, write_file, edit_file, list_directory, glob, grep, job_output, job_kill and session_diff. The first call opens a session of its own, which ends, and whose change is captured, when the client goes; with -s they work in one that is open, which stays. Where the runtime cannot be had the tools say so: they never work anywhere else, whatever fallback the configuration allows.\n\n--print-config prints what an agent has to be told: this server, and the rules that keep its own shell and file tools out of the way; --install writes it into this folder, and keeps a copy of each file that it changes.",
  args: {
    session: {
      type: "string",
      alias: "s",
      valueHint: "ID",
      complete: "open-session",
      description: "Work in this open session, and leave it open",
    },
    ...openFlags,
    ...surroundFlags,
    "allow-outside": { type: "boolean", description: "On the host: also files outside the session's tree" },
    "answer-within": {
      type: "string",
      valueHint: "TIME",
      description:
        "Answer every call within this time, if need be with a job to wait for (default 45s; most clients give up after 60s)",
    },
    "print-config": { type: "enum", options: AGENTS, description: "Print what this agent has to be told" },
    install: { type: "boolean", description: "With --print-config: write it" },
    quiet,
    verbose,
  },
  examples: [
    { run: "glue mcp --print-config claude -r docker --copy --install", does: "set an agent up in this folder" },
    { run: "glue mcp -r docker --copy", does: "what the agent then starts" },
    { run: "glue mcp -s mia1", does: "tools for a session that is open, and stays" },
  ],
  async run(options, io) {
    const own = options.runtime !== undefined || options.set.length > 0 || options.copy;
    if (options.session !== undefined && own)
      throw usage({ name: "mcp" }, "-s names a session that is open; -r, --set and --copy open another.");
    const agent = options["print-config"];
    if (options.install && agent === undefined)
      throw usage(
        { name: "mcp" },
        "--install needs to know for which agent.",
        "For instance --print-config claude --install.",
      );
    if (agent !== undefined) return await (await import("./mcp/configure.ts")).configure(agent, options, io);
    if (io.terminal.isTTY(0)) {
      throw usage(
        { name: "mcp" },
        "An agent speaks to glue mcp on its stdin, and this is a terminal.",
        "glue mcp --print-config AGENT says how an agent is set up.",
      );
    }
    return await inProcessOfItsOwn(options, io);
  },
});

/**
 * Clients end their servers in a hurry: some kill them half a second after they have closed the connection. What serves is therefore another
 * process, out of reach of that, with our stdin and stdout: it captures and closes even where this one is killed.
 */
async function inProcessOfItsOwn(options: McpOptions, io: Io): Promise<number> {
  const program = Bun.isStandaloneExecutable ? [] : [join(import.meta.dir, "main.ts")];
  const server = Bun.spawn([process.execPath, ...program, "__mcp", ...wordsOf(options)], {
    detached: true,
    cwd: io.cwd,
    env: { ...io.env },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  });
  const end = () => server.kill("SIGTERM");
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, end);
  try {
    return await server.exited;
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}
