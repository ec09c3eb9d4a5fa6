import { expect, setDefaultTimeout } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { REAL_ENGINE, until } from "../support/glue.ts";
import { agentSession, sessionsEnded } from "../support/mcp-agent.ts";
import { mcpClient } from "../support/mcp-client.ts";
import { inspectedSession } from "../support/mcp-inspector.ts";
import { IMAGES, testNeeding } from "../support/needs.ts";
import { smallProject } from "../support/small-project.ts";
import { tempDir } from "../support/temp-dir.ts";
import { docker } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(300_000);

function project(): string {
  const cwd = join(tempDir(), "work");
  mkdirSync(join(cwd, "src"), { recursive: true });
  writeFileSync(join(cwd, "src/add.sh"), "echo $(($1 - $2))\n");
  writeFileSync(join(cwd, "src/[odd] name.txt"), "a needle\n");
  writeFileSync(join(cwd, "src/binary"), "needle\n\0\n");
  spawnSync("git", ["init", "-q"], { cwd });
  return cwd;
}

const containersOf = (id: string) => docker("ps", "-aq", "--filter", `label=dev.glue.session=${id}`).out.trim();

const debian = ["--copy", "--set", `docker.image=${IMAGES["debian-git"]}`];

testNeeding(["image:debian-git"], "an agent mends a project in a container, and its work is landed", async () => {
  await agentSession({ runtime: "docker", flags: debian, env: { ...REAL_ENGINE, GLUE_HOME: freshHome().root } });
});

testNeeding(
  ["image:debian-git", "mcp-inspector"],
  "the official inspector works with the tools in a container",
  async () => {
    const env = { ...REAL_ENGINE, GLUE_HOME: freshHome().root };
    await inspectedSession({ runtime: "docker", flags: debian, cwd: smallProject(), env });
  },
);

testNeeding(
  ["image:debian-git"],
  "an agent's container has its own paths and variables, and ends with the agent",
  async () => {
    const home = freshHome();
    const args = ["-r", "docker", ...debian, "-e", "TOLD=yes"];
    const { call, close } = await mcpClient(home, args, { cwd: project(), env: REAL_ENGINE });
    try {
      expect((await call("bash", { command: 'pwd; echo "$TOLD $BASH_VERSINFO"' })).text).toMatch(
        /^\/workspace\nyes \d+\n/,
      );
      expect((await call("grep", { pattern: "needle" })).text).toBe("src/[odd] name.txt:1:a needle");
      // A path outside the workspace is the sandbox's own.
      expect((await call("write_file", { path: "/opt/there", content: "x" })).failed).toBe(false);
      expect((await call("read_file", { path: "/opt/there" })).text).toBe("1\tx");
      const { text } = await call("bash", { command: "sleep 300", background: true });
      expect(text).toContain("started as job 1");
      const stop = new AbortController();
      const command = "echo $$ > /tmp/pid; sleep 301 & exec sleep 302";
      const cancelled = call("bash", { command }, { signal: stop.signal });
      const inside = async (script: string) => (await call("bash", { command: script })).text;
      await until("it runs", async () => (await inside("test -s /tmp/pid")) === "[exit code 0]", 30_000);
      stop.abort();
      await expect(cancelled).rejects.toThrow();
      const left = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -ac 'sleep 30[12]'";
      await until("it is gone", async () => (await inside(left)).startsWith("0\n"), 30_000);
      expect(containersOf(sessionIds(home)[0] ?? "")).not.toBe("");
    } finally {
      await close();
      await sessionsEnded(home);
    }
    const [id = ""] = sessionIds(home);
    expect(containersOf(id)).toBe("");
  },
);

testNeeding(
  ["image:debian-git"],
  "a client that kills its server leaves no container, and the change is there",
  async () => {
    const home = freshHome();
    const { call, close, pid } = await mcpClient(home, ["-r", "docker", ...debian], {
      cwd: project(),
      env: REAL_ENGINE,
    });
    await call("write_file", { path: "made.txt", content: "made\n" });
    const cut = call("bash", { command: "sleep 300" }).catch((error: unknown) => error);
    await Bun.sleep(500);
    process.kill(pid() ?? 0, "SIGKILL");
    expect(await cut).toBeInstanceOf(Error);
    await close();
    await sessionsEnded(home);
    const [id = ""] = sessionIds(home);
    expect(containersOf(id)).toBe("");
    expect(readMeta(sessionFolder(home, id)).capture?.status).toBe("captured");
  },
);

testNeeding(["image:debian-git"], "every call is answered in time, also while the container stands still", async () => {
  const home = freshHome();
  const args = ["-r", "docker", ...debian, "--answer-within", "3s"];
  const { call, close } = await mcpClient(home, args, { cwd: project(), env: REAL_ENGINE });
  const answer = async (tool: string, given: Record<string, unknown>) => {
    const began = performance.now();
    const { text } = await call(tool, given);
    expect(performance.now() - began).toBeLessThan(10_000);
    return text;
  };
  try {
    // Opening may take longer than a call may.
    const read = { path: "src/add.sh" };
    await until("it is open", async () => (await answer("read_file", read)).startsWith("1\t"), 60_000);
    const container = containersOf(sessionIds(home)[0] ?? "");
    docker("pause", container);
    try {
      const edit = { ...read, old_string: "$1", new_string: "$2" };
      for (const [tool, given] of [
        ["bash", { command: "echo here" }],
        ["read_file", read],
        ["edit_file", edit],
      ] as const)
        expect(await answer(tool, given)).toMatch(/^Error .*(is paused|did not answer in time)/);
    } finally {
      docker("unpause", container);
    }
    await until(
      "it goes on",
      async () => (await answer("bash", { command: "echo on" })) === "on\n[exit code 0]",
      120_000,
    );
  } finally {
    await close();
    await sessionsEnded(home);
  }
});

testNeeding(["image:busybox"], "the tools work where there is neither git nor bash nor GNU", async () => {
  const home = freshHome();
  const args = ["-r", "docker", "--copy", "--set", `docker.image=${IMAGES.busybox}`];
  const { call, close } = await mcpClient(home, args, { cwd: project(), env: REAL_ENGINE });
  try {
    expect((await call("bash", { command: "echo $((1 + 1))" })).text).toBe("2\n[exit code 0]");
    expect((await call("glob", { pattern: "**/*.sh" })).text).toBe("src/add.sh");
    expect((await call("grep", { pattern: "ne{2}dle$", context: 1 })).text).toBe("src/[odd] name.txt:1:a needle");
    expect((await call("list_directory", { path: "src" })).text).toBe("[odd] name.txt (9)\nadd.sh (18)\nbinary (9)");
    expect((await call("read_file", { path: "src/add.sh" })).text).toBe("1\techo $(($1 - $2))");
    await call("edit_file", { path: "src/add.sh", old_string: "$1 - $2", new_string: "$1 + $2" });
    await call("write_file", { path: "new/deep.txt", content: "made\n" });
    await call("bash", { command: "echo up; exec sleep 300", background: true });
    await until("the job wrote", async () => (await call("job_output", { id: "1" })).text.startsWith("up"), 30_000);
    expect((await call("job_kill", { id: "1" })).text).toContain("[it was ended]");
    const difference = (await call("session_diff")).text;
    for (const line of ["+echo $(($1 + $2))", "+made"]) expect(difference).toContain(line);
  } finally {
    await close();
    await sessionsEnded(home);
  }
  const [id = ""] = sessionIds(home);
  expect(containersOf(id)).toBe("");
});
