import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { Home } from "../../session/home.ts";

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

/** What a tool answered. */
export interface Answer {
  readonly text: string;
  readonly failed: boolean;
  readonly image: { readonly data: string; readonly mimeType: string } | undefined;
}

export interface McpClientOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The compiled glue, where it and not the source is to be run. */
  readonly binary?: string;
}

/** The SDK's own client, connected to a `glue mcp`. */
export async function mcpClient(home: Home, args: readonly string[], { cwd, env = {}, binary }: McpClientOptions) {
  const transport = new StdioClientTransport({
    command: binary ?? process.execPath,
    args: [...(binary === undefined ? [MAIN] : []), "mcp", ...args],
    cwd,
    stderr: "pipe",
    env: {
      PATH: process.env.PATH ?? "",
      HOME: join(home.root, "nobody"),
      GLUE_HOME: home.root,
      DOCKER_HOST: "unix:///nonexistent/engine.sock",
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
      ...env,
    },
  });
  let said = "";
  transport.stderr?.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  return {
    client,
    /** What it said to people so far. */
    said: () => said,
    pid: () => transport.pid,
    async call(
      name: string,
      given: Record<string, unknown> = {},
      how: NonNullable<Parameters<typeof client.callTool>[2]> = {},
    ): Promise<Answer> {
      const result = await client.callTool({ name, arguments: given }, undefined, how);
      const content = result.content as ({ type: string; text?: string; data: string; mimeType: string } | undefined)[];
      const [first] = content;
      return {
        text: first?.text ?? "",
        failed: result.isError === true,
        image: first?.type === "image" ? { data: first.data, mimeType: first.mimeType } : undefined,
      };
    },
    close: () => client.close(),
  };
}
