import type { Context, Entry, TimedSides } from "./entry.ts";

const IMAGE = "glue-test/debian:git";
const CALLS = 100;

/** One server for all rounds, as an agent has it: what is measured are its calls. */
async function prepare({ glue, folder, output }: Context): Promise<TimedSides> {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  const session = await output([glue, "session", "start", "-r", "docker", "--set", `docker.image=${IMAGE}`]);
  const client = new Client({ name: "bench", version: "1" });
  const cleanup = async () => {
    await client.close();
    await output([glue, "session", "close", session]);
  };
  try {
    const containers = await output(["docker", "ps", "-q", "--filter", `label=dev.glue.session=${session}`]);
    const [container] = containers.split("\n");
    if (!container) throw new Error(`no container carries the session's id ${session}`);
    const env = Object.fromEntries(
      Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
    );
    const server = {
      command: glue,
      args: ["mcp", "-s", session],
      cwd: folder,
      env: { ...env, GLUE_HOME: `${folder}/.glue-home` },
    };
    await client.connect(new StdioClientTransport(server));
    const times = async (work: () => Promise<unknown>) => {
      const from = performance.now();
      for (let call = 0; call < CALLS; call++) await work();
      return performance.now() - from;
    };
    const command = async () => {
      const answer = JSON.stringify(await client.callTool({ name: "bash", arguments: { command: "true" } }));
      if (!answer.includes("[exit code 0]")) throw new Error(answer);
    };
    return {
      ours: () => times(command),
      theirs: () => times(() => output(["docker", "exec", container, "true"])),
      cleanup,
    };
  } catch (error) {
    await cleanup();
    throw error;
  }
}

/** Commands of an agent. */
export const MCP_ENTRIES: readonly Entry[] = [
  {
    name: "mcp-docker",
    what: `${CALLS} calls of bash with true through glue mcp, in one container`,
    against: `${CALLS} times docker exec CONTAINER true`,
    pairs: 5,
    measure: { kind: "time" },
    reach: 0.1,
    prepare,
  },
];
