/** The agents whose configuration glue knows. */
export const AGENTS = ["claude", "codex", "cursor", "vscode", "gemini", "opencode"] as const;
export type Agent = (typeof AGENTS)[number];

/** A file that an agent reads, below the project folder, and what has to be in it. */
export type AgentFile = { readonly path: string } & (
  | {
      readonly kind: "json";
      readonly content: Readonly<Record<string, unknown>>;
      /** Keys of lists that say all that is allowed: ours takes the place of one that is there. */
      readonly whole?: readonly string[];
    }
  /** `top` stands before every table. */
  | { readonly kind: "toml"; readonly top: string; readonly tables: string }
  | { readonly kind: "text"; readonly content: string }
);

export interface AgentSetup {
  readonly files: readonly AgentFile[];
  /** What the rules do not cover, in a sentence. */
  readonly outside: string;
}

/** How the server is started: its words, and the names of variables that it has to be given. */
export interface ServerStart {
  readonly args: readonly string[];
  readonly variables: readonly string[];
}

/** What an agent has to be told so that it uses the server `glue` and not tools of its own. */
export function setupOf(agent: Agent, start: ServerStart): AgentSetup {
  return SETUPS[agent](start);
}

const COMMAND = "glue";

/**
 * An editor may start its servers anywhere, and not in the folder that it shows; Cursor and VS Code put that folder in place of this
 * word. A session that is open has its folder already.
 */
function inFolderShown(args: readonly string[]): readonly string[] {
  return args.includes("--session") ? args : [...args, "--cwd", "${workspaceFolder}"];
}

const SETUPS: Readonly<Record<Agent, (start: ServerStart) => AgentSetup>> = {
  claude: ({ args }) => ({
    files: [
      json(".mcp.json", { mcpServers: { glue: { type: "stdio", command: COMMAND, args } } }),
      json(".claude/settings.json", {
        enabledMcpjsonServers: ["glue"],
        permissions: {
          allow: ["mcp__glue"],
          deny: ["Bash", "Read", "Edit", "Write", "NotebookEdit", "Glob", "Grep", "EnterWorktree", "ExitWorktree"],
        },
      }),
    ],
    outside: "Hooks, other MCP servers, WebFetch and what you type after ! run on your machine.",
  }),
  codex: ({ args, variables }) => ({
    files: [
      {
        path: ".codex/config.toml",
        kind: "toml",
        top: 'sandbox_mode = "read-only"\n',
        tables: `[mcp_servers.glue]\ncommand = "${COMMAND}"\nargs = ${JSON.stringify(args)}\nstartup_timeout_sec = 20\ntool_timeout_sec = 60\ndefault_tools_approval_mode = "approve"\n${variables.length === 0 ? "" : `env_vars = ${JSON.stringify(variables)}\n`}\n[features]\nshell_tool = false\nunified_exec = false\nview_image = false\n`,
      },
    ],
    outside:
      "Codex reads this file in projects that you trust. Where a model has apply_patch it stays, and read-only keeps it from writing; other MCP servers run on your machine.",
  }),
  cursor: ({ args }) => ({
    files: [
      json(".cursor/mcp.json", { mcpServers: { glue: { command: COMMAND, args: inFolderShown(args) } } }),
      json(".cursor/cli.json", {
        permissions: { allow: ["Mcp(glue:*)"], deny: ["Shell(*)", "Read(**)", "Write(**)"] },
      }),
    ],
    outside:
      "The rules are those of Cursor's CLI. The editor has no file of rules: take its own tools out of a custom mode.",
  }),
  vscode: ({ args }) => ({
    files: [
      json(".vscode/mcp.json", { servers: { glue: { type: "stdio", command: COMMAND, args: inFolderShown(args) } } }),
      {
        path: ".github/agents/glue.agent.md",
        kind: "text",
        content:
          "---\ndescription: Works in a glue session, with none of the editor's own tools.\ntools: ['glue/*']\n---\nUse the tools of the server glue for every command and every file.\n",
      },
    ],
    outside:
      "Choose the agent glue in the chat: other agents keep the editor's own tools. The editor itself works on your files.",
  }),
  gemini: ({ args, variables }) => ({
    files: [
      {
        path: ".gemini/settings.json",
        kind: "json",
        content: {
          mcpServers: {
            glue: {
              command: COMMAND,
              args,
              timeout: 60_000,
              ...(variables.length === 0
                ? {}
                : { env: Object.fromEntries(variables.map((name) => [name, `$${name}`] as const)) }),
            },
          },
          // A list of what is excluded would take the server's own tools of the same names away too.
          tools: { core: ["google_web_search", "web_fetch", "mcp_glue_*"] },
        },
        whole: ["core"],
      },
    ],
    outside:
      "Gemini CLI reads this file in folders that you trust. Hooks and what you type after ! run on your machine, and @file reads from it; tools of other MCP servers are not offered.",
  }),
  opencode: ({ args }) => ({
    files: [
      json("opencode.json", {
        mcp: { glue: { type: "local", command: [COMMAND, ...args], enabled: true, timeout: 60_000 } },
        permission: {
          bash: "deny",
          edit: "deny",
          read: "deny",
          list: "deny",
          glob: "deny",
          grep: "deny",
          lsp: "deny",
          external_directory: "deny",
        },
      }),
    ],
    outside: "Plugins, other MCP servers and what you type after ! run on your machine, and @file reads from it.",
  }),
};

function json(path: string, content: Readonly<Record<string, unknown>>): AgentFile {
  return { path, kind: "json", content };
}
