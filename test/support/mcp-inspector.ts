import { expect } from "bun:test";
import { join } from "node:path";
import { openHome } from "../../session/home.ts";
import { sessionIds } from "../../session/store.ts";
import { glue } from "./glue.ts";
import { type AgentPlace, sessionsEnded } from "./mcp-agent.ts";
import { NPM_TOOLS } from "./needs.ts";

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

/** The first of a tool's contents, as the inspector prints them. */
interface Printed {
  readonly content?: readonly { readonly type: string; readonly text?: string }[];
  readonly isError?: boolean;
  readonly tools?: readonly { readonly name: string }[];
}

/**
 * What the command line of the official inspector is told by a `glue mcp` with those words. Each call starts a server of its own and lets
 * go of it.
 */
async function inspect({ cwd, env }: AgentPlace, server: readonly string[], ...asked: readonly string[]) {
  const launcher = join(NPM_TOOLS["mcp-inspector"], "@modelcontextprotocol/inspector/clients/launcher/build/index.js");
  // It gives a server no variables but these.
  const given = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const command = [process.execPath, MAIN, "mcp", ...server];
  const child = Bun.spawn([process.execPath, launcher, "--cli", ...given, ...command, ...asked], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: join(env.GLUE_HOME, "nobody"), BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (out === "") throw new Error(`the inspector ended with ${code}: ${err}`);
  const { content = [], tools = [], isError = false } = JSON.parse(out) as Printed;
  return { code, err, isError, text: content[0]?.text ?? "", tools: tools.map(({ name }) => name) };
}

/** What the inspector sees of the tools, in sessions of its own and in one that is open; what it changed is brought back and landed. */
export async function inspectedSession(place: AgentPlace): Promise<void> {
  const { cwd, env, flags = [] } = place;
  const home = openHome(env);
  const opening = ["-r", place.runtime, ...flags];
  const inTool = (server: readonly string[], tool: string, args: Readonly<Record<string, string>>) =>
    inspect(
      place,
      server,
      ...["--method", "tools/call", "--tool-name", tool, "--tool-arg"],
      ...Object.entries(args).map(([name, value]) => `${name}=${value}`),
    );
  // With --strict it fails where a schema is one that some model's service would refuse.
  const listed = await inspect(place, opening, "--method", "tools/list", "--strict");
  expect([listed.code, listed.tools.length, listed.err]).toEqual([0, 10, ""]);
  expect(sessionIds(home)).toEqual([]);

  const alone = await inTool(opening, "bash", { command: "echo alone > alone.txt; echo said; exit 3" });
  expect([alone.code, alone.text]).toEqual([0, "said\n[exit code 3]"]);
  await sessionsEnded(home);
  const [first = ""] = sessionIds(home);
  expect((await glue(home, ["session", "apply", first], { cwd, env })).code).toBe(0);
  expect(Bun.spawnSync(["git", "show", `glue/${first}:alone.txt`], { cwd }).stdout.toString()).toBe("alone\n");

  const started = await glue(home, ["session", "start", "-q", ...opening], { cwd, env });
  const id = started.stdout.trim();
  expect([started.code, id]).toEqual([0, expect.stringMatching(/^\S+$/)]);
  try {
    const tool = (name: string, args: Readonly<Record<string, string>>) => inTool(["-s", id], name, args);
    expect((await tool("write_file", { path: "in/it.txt", content: "one two" })).text).toContain("7 bytes");
    expect((await tool("read_file", { path: "in/it.txt" })).text).toBe("1\tone two");
    const edit = { path: "in/it.txt", old_string: "two", new_string: "three" };
    expect((await tool("edit_file", edit)).text).toContain("1 place");
    // The inspector's status for a tool that failed is 5.
    const failed = await tool("edit_file", edit);
    expect([failed.code, failed.isError, failed.text]).toEqual([5, true, expect.stringContaining("(editRefused)")]);
  } finally {
    expect((await glue(home, ["session", "close", "-q", id], { cwd, env })).code).toBe(0);
  }
  expect((await glue(home, ["session", "apply", id], { cwd, env })).code).toBe(0);
  expect(Bun.spawnSync(["git", "show", `glue/${id}:in/it.txt`], { cwd }).stdout.toString()).toBe("one three");
}
