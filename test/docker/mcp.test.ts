import { expect, setDefaultTimeout } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sessionIds } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { REAL_ENGINE } from "../support/glue.ts";
import { agentSession, sessionsEnded } from "../support/mcp-agent.ts";
import { mcpClient } from "../support/mcp-client.ts";
import { inspectedSession } from "../support/mcp-inspector.ts";
import { IMAGES, testNeeding } from "../support/needs.ts";
import { smallProject } from "../support/small-project.ts";
import { tempDir } from "../support/temp-dir.ts";
import { docker } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

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
      expect(containersOf(sessionIds(home)[0] ?? "")).not.toBe("");
    } finally {
      await close();
      await sessionsEnded(home);
    }
    const [id = ""] = sessionIds(home);
    expect(containersOf(id)).toBe("");
  },
);

testNeeding(["image:busybox"], "the tools work where there is neither git nor bash nor GNU", async () => {
  const home = freshHome();
  const args = ["-r", "docker", "--copy", "--set", `docker.image=${IMAGES.busybox}`];
  const { call, close } = await mcpClient(home, args, { cwd: project(), env: REAL_ENGINE });
  try {
    expect((await call("bash", { command: "echo $((1 + 1))" })).text).toBe("2\n[exit code 0]");
    expect((await call("glob", { pattern: "**/*.sh" })).text).toBe("src/add.sh");
    expect((await call("grep", { pattern: "ne{2}dle$", context: 1 })).text).toBe("src/[odd] name.txt:1:a needle");
  } finally {
    await close();
    await sessionsEnded(home);
  }
  const [id = ""] = sessionIds(home);
  expect(containersOf(id)).toBe("");
});
