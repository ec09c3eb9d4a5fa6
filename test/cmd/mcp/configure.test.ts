import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AGENTS, type Agent, setupOf } from "../../../cmd/mcp/agents.ts";
import { command } from "../../../cmd/mcp.ts";
import { parse } from "../../../cmd/parse.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { testIo } from "../memory-terminal.ts";

/** `glue mcp --print-config …` without a process, in that folder. */
async function configure(cwd: string, ...argv: string[]) {
  return await configureWith({}, cwd, ...argv);
}

async function configureWith(env: Readonly<Record<string, string>>, cwd: string, ...argv: string[]) {
  const io = testIo({ env: { GLUE_HOME: join(tempDir(), "home"), ...env }, cwd });
  const status = await command.run((await parse(command, argv)).values as never, io);
  return { status, out: io.terminal.text(1), told: io.terminal.text(2) };
}

const ARGS = ["-r", "docker", "--copy"];
const WORDS = ["mcp", "--runtime", "docker", "--copy"];

describe("what an agent is told", () => {
  test.each([...AGENTS])("is printed for %s: the server, and what its own tools may not", async (agent) => {
    const { status, out, told } = await configure(tempDir(), "--print-config", agent, ...ARGS);
    expect(status).toBe(0);
    for (const { path } of setupOf(agent, { args: WORDS, variables: [] }).files) expect(out).toContain(`# ${path}\n`);
    expect(out).toContain("docker");
    expect(told).toContain("Outside the session:");
  });

  test.each([...AGENTS])("is installed for %s in an empty folder, and a second time changes nothing", async (agent) => {
    const dir = tempDir();
    await configure(dir, "--print-config", agent, "--install", ...ARGS);
    const before = contents(dir, agent);
    for (const [path, text] of before) {
      if (path.endsWith(".json")) expect(() => JSON.parse(text)).not.toThrow();
      if (path.endsWith(".toml"))
        expect(Bun.TOML.parse(text)).toMatchObject({ mcp_servers: { glue: { args: WORDS } } });
    }
    const { told } = await configure(dir, "--print-config", agent, "--install", ...ARGS);
    expect(told).toContain("has it already");
    expect(contents(dir, agent)).toEqual(before);
    expect(readdirSync(dir, { recursive: true }).filter((name) => String(name).includes("before-glue"))).toEqual([]);
  });

  test("names the runtime even where the configuration chose it", async () => {
    expect((await configure(tempDir(), "--print-config", "claude")).out).toContain('"host"');
  });

  test.each(["cursor", "vscode"] as const)(
    "says the folder for %s, which may start servers elsewhere",
    async (agent) => {
      expect((await configure(tempDir(), "--print-config", agent, ...ARGS)).out).toContain(
        '"--cwd",\n        "${workspaceFolder}"',
      );
    },
  );

  test.each([
    [["-r", "dokcer"], "optionInvalid"],
    [["--set", "docker.imgae=x"], "optionInvalid"],
    [["-s", "nope"], "sessionNotFound"],
    [["--answer-within", "5"], "usage"],
    [["--timeout", "soon"], "usage"],
  ] as const)("is not written where the server would refuse to start: %p", async (words, code) => {
    const dir = tempDir();
    await expect(configure(dir, "--print-config", "claude", "--install", ...words)).rejects.toMatchObject({ code });
    expect(readdirSync(dir)).toEqual([]);
  });

  test("hands on the variables that say something to that runtime, where an agent keeps them back", async () => {
    const env = {
      GLUE_HOME: "/h",
      DAYTONA_API_KEY: "k",
      DOCKER_HOST: "d",
      MODAL_TOKEN_ID: "m",
      MINE: "x",
      SHELL: "/bin/sh",
    };
    const words = ["-r", "daytona", "-e", "MINE", "-e", "OTHER=1"];
    const codex = await configureWith(env, tempDir(), "--print-config", "codex", ...words);
    expect(codex.out).toContain('env_vars = ["GLUE_HOME","DAYTONA_API_KEY","MINE"]\n');
    const gemini = await configureWith(env, tempDir(), "--print-config", "gemini", ...words);
    expect(gemini.out).toContain('"DAYTONA_API_KEY": "$DAYTONA_API_KEY"');
    expect(codex.out + gemini.out).not.toContain('"k"');
    const docker = await configureWith(env, tempDir(), "--print-config", "codex", "-r", "docker");
    expect(docker.out).toContain('env_vars = ["GLUE_HOME","DOCKER_HOST"]\n');
  });

  test("leaves of a list of what is allowed nothing but its own", async () => {
    const dir = tempDir();
    mkdirSync(join(dir, ".gemini"));
    const path = join(dir, ".gemini/settings.json");
    writeFileSync(path, JSON.stringify({ theme: "dark", tools: { core: ["run_shell_command"], sandbox: true } }));
    await configure(dir, "--print-config", "gemini", "--install", ...ARGS);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
      theme: "dark",
      tools: { core: ["google_web_search", "web_fetch", "mcp_glue_*"], sandbox: true },
    });
  });

  test("joins what is there, and keeps a copy of it", async () => {
    const dir = tempDir();
    mkdirSync(join(dir, ".claude"));
    const old = '{"model":"x","permissions":{"deny":["Bash","WebFetch"],"allow":["Read(./docs)"]}}';
    writeFileSync(join(dir, ".claude/settings.json"), old);
    writeFileSync(join(dir, ".mcp.json"), '{"mcpServers":{"other":{"command":"o"},"glue":{"command":"old","env":{}}}}');
    await configure(dir, "--print-config", "claude", "--install", ...ARGS);
    const settings = JSON.parse(readFileSync(join(dir, ".claude/settings.json"), "utf8"));
    expect(settings.model).toBe("x");
    expect(settings.permissions.allow).toEqual(["Read(./docs)", "mcp__glue"]);
    expect(settings.permissions.deny.slice(0, 3)).toEqual(["Bash", "WebFetch", "Read"]);
    const servers = JSON.parse(readFileSync(join(dir, ".mcp.json"), "utf8")).mcpServers;
    expect(servers).toEqual({ other: { command: "o" }, glue: { type: "stdio", command: "glue", args: WORDS } });
    const backup = readdirSync(join(dir, ".claude")).find((name) => name.includes(".before-glue-")) ?? "";
    expect(readFileSync(join(dir, ".claude", backup), "utf8")).toBe(old);
  });

  const BROKEN: readonly (readonly [Agent, string, string])[] = [
    ["claude", ".mcp.json", "// mine\n{}"],
    ["codex", ".codex/config.toml", "[features]\nx = true\n"],
    ["codex", ".codex/config.toml", "= broken"],
    ["vscode", ".github/agents/glue.agent.md", "mine"],
  ];
  test.each([...BROKEN])("is not written over what cannot be joined: %s, %s", async (agent, path, text) => {
    const dir = tempDir();
    mkdirSync(join(dir, path, ".."), { recursive: true });
    writeFileSync(join(dir, path), text);
    await expect(configure(dir, "--print-config", agent, "--install", ...ARGS)).rejects.toThrow("Nothing was written");
    expect(readFileSync(join(dir, path), "utf8")).toBe(text);
    const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBe(1);
  });

  test("is extended where Codex has a configuration of its own", async () => {
    const dir = tempDir();
    mkdirSync(join(dir, ".codex"));
    writeFileSync(join(dir, ".codex/config.toml"), 'model = "x" # mine\n[mcp_servers.other]\ncommand = "o"\n');
    await configure(dir, "--print-config", "codex", "--install", ...ARGS);
    const text = readFileSync(join(dir, ".codex/config.toml"), "utf8");
    expect(text).toContain("# mine");
    expect(Bun.TOML.parse(text)).toMatchObject({
      model: "x",
      sandbox_mode: "read-only",
      features: { shell_tool: false },
      mcp_servers: { other: { command: "o" }, glue: { command: "glue", args: WORDS } },
    });
  });
});

function contents(dir: string, agent: Agent): (readonly [string, string])[] {
  return setupOf(agent, { args: WORDS, variables: [] }).files.map(({ path }) => [
    path,
    readFileSync(join(dir, path), "utf8"),
  ]);
}
