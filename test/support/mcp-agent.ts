import { expect } from "bun:test";
import { type Home, openHome } from "../../session/home.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { glue, until } from "./glue.ts";
import { mcpClient } from "./mcp-client.ts";

/** Where an agent works, and how its glue reaches the runtime. */
export interface AgentPlace {
  readonly runtime: string;
  readonly cwd: string;
  /** With GLUE_HOME. */
  readonly env: Readonly<Record<string, string>> & { readonly GLUE_HOME: string };
}

/** An agent's whole session: it looks around, fails, mends, commits and goes; its change is captured and landed. */
export async function agentSession({ runtime, cwd, env }: AgentPlace): Promise<void> {
  await Bun.write(`${cwd}/add.sh`, "echo $(($1 - $2))\n");
  const home = openHome(env);
  const { call, close } = await mcpClient(home, ["-r", runtime, "--answer-within", "30s"], { cwd, env });
  try {
    const check = { command: '[ "$(sh add.sh 2 3)" = 5 ] && echo right || { echo wrong >&2; exit 3; }' };
    expect((await call("bash", check)).text).toBe("[stderr]\nwrong\n[exit code 3]");
    expect((await call("grep", { pattern: "\\$1\\s-" })).text).toBe("add.sh:1:echo $(($1 - $2))");
    expect((await call("glob", { pattern: "*.sh" })).text).toBe("add.sh");
    expect((await call("read_file", { path: "add.sh" })).text).toBe("1\techo $(($1 - $2))");
    await call("edit_file", { path: "add.sh", old_string: "$1 - $2", new_string: "$1 + $2" });
    expect((await call("bash", check)).text).toBe("right\n[exit code 0]");
    const { text } = await call("bash", { command: "echo up; exec sleep 300", background: true });
    const id = /as job (\d+)/.exec(text)?.[1] ?? "";
    expect((await call("job_kill", { id })).text).toContain("[it was ended]");
    const git = "git -c user.name=a -c user.email=a@a";
    expect((await call("bash", { command: `git add -A && ${git} commit -qm Add` })).text).toBe("[exit code 0]");
    expect((await call("session_diff")).text).toContain("+echo $(($1 + $2))");
  } finally {
    await close();
    await sessionsEnded(home);
  }
  const [session = ""] = sessionIds(home);
  expect((await glue(home, ["session", "apply", session], { cwd, env })).code).toBe(0);
  const landed = Bun.spawnSync(["git", "show", `glue/${session}:add.sh`], { cwd });
  expect(landed.stdout.toString()).toBe("echo $(($1 + $2))\n");
}

/** What serves goes on for a moment when its client is gone. */
export async function sessionsEnded(home: Home): Promise<void> {
  const isOpen = (id: string) => !["closed", "failed"].includes(readMeta(sessionFolder(home, id)).state);
  await until("every session is closed", () => !sessionIds(home).some(isOpen), 60_000);
}
