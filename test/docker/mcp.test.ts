import { expect, setDefaultTimeout } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sessionIds } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { glue, REAL_ENGINE } from "../support/glue.ts";
import { sessionsEnded } from "../support/mcp-agent.ts";
import { mcpClient } from "../support/mcp-client.ts";
import { IMAGES, testNeeding } from "../support/needs.ts";
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

testNeeding(["image:debian-git"], "an agent explores, edits, fails, retries and commits in a container", async () => {
  const home = freshHome();
  const cwd = project();
  const args = ["-r", "docker", "--copy", "--set", `docker.image=${IMAGES["debian-git"]}`, "-e", "TOLD=yes"];
  const { call, close } = await mcpClient(home, args, { cwd, env: REAL_ENGINE });
  try {
    const check = { command: '[ "$(sh src/add.sh 2 3)" = 5 ] && echo right || { echo wrong; exit 3; }' };
    expect((await call("bash", { command: 'pwd; echo "$TOLD $BASH_VERSINFO"' })).text).toMatch(
      /^\/workspace\nyes \d+\n/,
    );
    expect((await call("bash", check)).text).toBe("wrong\n[exit code 3]");
    expect((await call("grep", { pattern: "needle" })).text).toBe("src/[odd] name.txt:1:a needle");
    expect((await call("glob", { pattern: "src/*.sh" })).text).toBe("src/add.sh");
    await call("read_file", { path: "src/add.sh" });
    await call("edit_file", { path: "src/add.sh", old_string: "$1 - $2", new_string: "$1 + $2" });
    expect((await call("bash", check)).text).toBe("right\n[exit code 0]");
    // A path outside the workspace is the sandbox's own.
    expect((await call("write_file", { path: "/opt/there", content: "x" })).failed).toBe(false);
    expect((await call("read_file", { path: "/opt/there" })).text).toBe("1\tx");
    const { text } = await call("bash", { command: "sleep 300", background: true });
    expect(text).toContain("started as job 1");
    const commit = "git add -A && git -c user.name=a -c user.email=a@a commit -qm 'Add' && git log --oneline | wc -l";
    expect((await call("bash", { command: commit })).failed).toBe(false);
    expect((await call("session_diff")).text).toContain("+echo $(($1 + $2))");
    expect(containersOf(sessionIds(home)[0] ?? "")).not.toBe("");
  } finally {
    await close();
    await sessionsEnded(home);
  }
  const [id = ""] = sessionIds(home);
  expect(containersOf(id)).toBe("");
  expect(readFileSync(join(cwd, "src/add.sh"), "utf8")).toContain("$1 - $2");
  expect((await glue(home, ["session", "apply", id], { cwd })).code).toBe(0);
  const landed = spawnSync("git", ["show", `glue/${id}:src/add.sh`], { cwd }).stdout.toString();
  expect(landed).toBe("echo $(($1 + $2))\n");
});

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
