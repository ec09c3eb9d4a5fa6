import { expect } from "bun:test";
import { type Home, openHome } from "../../session/home.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { glue, until } from "./glue.ts";
import { mcpClient } from "./mcp-client.ts";
import { gitIn, smallProject } from "./small-project.ts";

/** Where an agent works, and how its glue reaches the runtime. */
export interface AgentPlace {
  readonly runtime: string;
  /** Further flags that open the session. */
  readonly flags?: readonly string[];
  readonly cwd: string;
  /** With GLUE_HOME. */
  readonly env: Readonly<Record<string, string>> & { readonly GLUE_HOME: string };
}

/**
 * An agent's whole session on a small project: it explores, sees a test fail, edits (once beside the text, once wrongly), sees the tests
 * pass, commits (once with nothing to commit) and goes; its change is captured and landed, with the user's own work before it.
 */
export async function agentSession({ runtime, flags = [], env }: Omit<AgentPlace, "cwd">): Promise<void> {
  const cwd = smallProject();
  const before = stateOf(cwd);
  const home = openHome(env);
  const server = await mcpClient(home, ["-r", runtime, ...flags, "--answer-within", "30s"], { cwd, env });
  const told = async (name: string, args: Record<string, unknown> = {}) => (await server.call(name, args)).text;
  const bash = async (command: string) => await told("bash", { command });
  const tests = "sh test/run.sh";
  let made: string[];
  try {
    expect(await told("list_directory")).toMatch(
      /^\.git\/\n\.gitignore \(5\)\nREADME\.md \(\d+\)\nlib\/\ntest\/\ntodo /,
    );
    expect(await told("glob", { pattern: "test/*.test.sh" })).toBe(
      "test/add.test.sh\ntest/done.test.sh\ntest/list.test.sh",
    );
    expect(await bash(tests)).toBe(
      "ok test/add.test.sh\nnot ok test/done.test.sh\nnot ok test/list.test.sh\n[stderr]\ngot: 0. bread\ngot: 0. milk\n1. white bread\n2 failed\n[exit code 1]",
    );
    expect(await told("grep", { pattern: "number=\\d" })).toBe("lib/store.sh:7:  number=0");
    expect(await told("read_file", { path: "lib/store.sh", offset: 6, limit: 2 })).toBe(
      "6\tstore_list() {\n7\t  number=0\n[there are more lines; the next offset is 8]",
    );
    // Beside the text, then in the wrong place, then right.
    const edit = (old_string: string, new_string: string) =>
      told("edit_file", { path: "lib/store.sh", old_string, new_string });
    expect(await edit("  number = 0", "  number=1")).toContain("The nearest is at line 7:\n  number=0");
    expect(await edit("$((number + 1))", "$((number + 2))")).toContain("1 place");
    expect(await bash(tests)).toContain("2 failed\n[exit code 1]");
    expect(await edit("$((number + 2))", "$((number + 1))")).toContain("1 place");
    expect(await edit("number=0", "number=1")).toContain("1 place");
    expect(await bash(tests)).toContain("[stderr]\n0 failed\n[exit code 0]");
    expect(await bash("git commit -qm 'Count from 1 on'")).toContain("[exit code 1]");
    expect(await bash("git commit -qam 'Count from 1 on'")).toBe("[exit code 0]");
    const test = "./todo add milk; ./todo no 2>/dev/null && exit 1; [ $? = 2 ]\n";
    expect(await told("write_file", { path: "test/unknown.test.sh", content: test })).toContain("Made ");
    expect(await bash(`${tests} 2>&1 && git add -A && git commit -qm 'Test an unknown command'`)).toContain(
      "ok test/unknown.test.sh\n0 failed\n[exit code 0]",
    );
    made = (await bash("git log --format=%H -2")).split("\n").slice(0, 2);
    const started = await told("bash", { command: "./todo add served; echo up; exec sleep 300", background: true });
    const id = /as job (\d+)/.exec(started)?.[1] ?? "";
    await until("the job wrote", async () => (await told("job_output", { id, offset: 0 })).startsWith("up"));
    expect(await told("job_kill", { id })).toContain("[it was ended]");
    const difference = await told("session_diff");
    for (const line of ["+  number=1", "+./todo add milk; ./todo no", "+served"]) expect(difference).toContain(line);
    expect(difference).not.toContain("out/list");
  } finally {
    await server.close();
    await sessionsEnded(home);
  }
  const [session = ""] = sessionIds(home);
  expect(readMeta(sessionFolder(home, session)).capture?.status).toBe("captured");
  expect((await glue(home, ["session", "apply", session], { cwd, env })).code).toBe(0);
  expect(stateOf(cwd)).toEqual(before);
  const subjects = gitIn(cwd, "log", "--format=%s", `main..glue/${session}`).split("\n");
  expect(subjects.slice(1, 3)).toEqual(["Test an unknown command", "Count from 1 on"]);
  expect(gitIn(cwd, "log", "--format=%H", `glue/${session}`)).toContain(made.join("\n"));
  expect(gitIn(cwd, "fsck", "--strict")).toBe("");
  gitIn(cwd, "worktree", "add", "-q", "../landed", `glue/${session}`);
  const landed = Bun.spawnSync(["sh", "-c", `cat README.md todo.txt; ${tests} 2>&1`], { cwd: `${cwd}/../landed` });
  expect(landed.stdout.toString()).toMatch(/from 1 on\.\nserved\n(ok .*\n){4}0 failed\n$/);
}

/** What the user's own repository says of itself. */
function stateOf(cwd: string): string[] {
  return [["rev-parse", "HEAD"], ["status", "--porcelain"], ["diff"]].map((args) => gitIn(cwd, ...args));
}

/** What serves goes on for a moment when its client is gone. */
export async function sessionsEnded(home: Home): Promise<void> {
  const isOpen = (id: string) => !["closed", "failed"].includes(readMeta(sessionFolder(home, id)).state);
  await until("every session is closed", () => !sessionIds(home).some(isOpen), 60_000);
}
