import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../session/home.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { glue, until } from "../support/glue.ts";
import { mcpClient } from "../support/mcp-client.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A small repository whose check fails until its bug is mended. */
function project(): string {
  const dir = join(tempDir(), "work");
  mkdirSync(join(dir, "src"), { recursive: true });
  writeFileSync(join(dir, "src/add.sh"), "#!/bin/sh\n# adds\necho $(($1 - $2))\n");
  chmodSync(join(dir, "src/add.sh"), 0o755);
  writeFileSync(join(dir, "check.sh"), '[ "$(sh src/add.sh 2 3)" = 5 ] || { echo "wrong sum" >&2; exit 1; }\n');
  writeFileSync(join(dir, ".gitignore"), "out/\n");
  const git = (...args: string[]) =>
    spawnSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: dir, stdio: "ignore" });
  git("init", "-q");
  git("add", "-A");
  git("commit", "-qm", "first");
  return dir;
}

function onlyMeta(home: Home) {
  const [id = ""] = sessionIds(home);
  return readMeta(sessionFolder(home, id));
}

describe("an agent's session on a copy on the host", () => {
  const home = freshHome();
  const cwd = project();
  const opened = mcpClient(home, ["-r", "host", "--copy", "--answer-within", "2s"], { cwd });
  afterAll(async () => (await opened).close());

  test("offers ten tools, and opens no session before the first call", async () => {
    const { client } = await opened;
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual([
      "bash",
      "edit_file",
      "glob",
      "grep",
      "job_kill",
      "job_output",
      "list_directory",
      "read_file",
      "session_diff",
      "write_file",
    ]);
    expect(client.getInstructions()).toContain('runtime "host", on a copy');
    expect(sessionIds(home)).toEqual([]);
  });

  test("explores", async () => {
    const { call } = await opened;
    expect((await call("list_directory")).text).toContain("src/");
    expect((await call("glob", { pattern: "**/*.sh" })).text).toBe("check.sh\nsrc/add.sh");
    const pwd = (await call("bash", { command: "pwd" })).text.split("\n")[0];
    expect((await call("glob", { pattern: `${pwd}/src/*` })).text).toBe("src/add.sh");
    expect((await call("grep", { pattern: "ech\\w \\$" })).text).toBe("src/add.sh:3:echo $(($1 - $2))");
    expect((await call("read_file", { path: "src/add.sh" })).text).toBe(
      "1\t#!/bin/sh\n2\t# adds\n3\techo $(($1 - $2))",
    );
  });

  test("runs the check, which fails, with stdout and stderr apart", async () => {
    const { call } = await opened;
    const { text, failed } = await call("bash", { command: "echo checking; sh check.sh" });
    expect({ text, failed }).toEqual({ text: "checking\n[stderr]\nwrong sum\n[exit code 1]", failed: false });
  });

  test("refuses an edit that fits nowhere, and says the nearest place", async () => {
    const { call } = await opened;
    const { text, failed } = await call("edit_file", {
      path: "src/add.sh",
      old_string: "echo $((1 - $2))",
      new_string: "x",
    });
    expect(failed).toBe(true);
    expect(text).toContain("The nearest is at line 3:\necho $(($1 - $2))");
  });

  test("refuses an edit of a file that changed since it was read, and makes it once it was read again", async () => {
    const { call } = await opened;
    await call("bash", { command: "echo '# more' >> src/add.sh" });
    const edit = { path: "src/add.sh", old_string: "$1 - $2", new_string: "$1 + $2" };
    expect((await call("edit_file", edit)).text).toContain("changed since you read it");
    await call("read_file", { path: "src/add.sh" });
    expect((await call("edit_file", edit)).text).toContain("1 place");
    expect((await call("bash", { command: "sh check.sh && ls -l src/add.sh | cut -c1-10" })).text).toBe(
      "-rwxr-xr-x\n[exit code 0]",
    );
  });

  test("refuses to write over a file that changed since it was read", async () => {
    const { call } = await opened;
    await call("write_file", { path: "out/mine", content: "mine\n" });
    await call("bash", { command: "echo theirs > out/mine" });
    expect((await call("write_file", { path: "out/mine", content: "again\n" })).text).toContain("(changedSinceRead)");
    expect((await call("bash", { command: "cat out/mine; rm out/mine" })).text).toContain("theirs");
  });

  test("says of a file that vanished after it was listed that it is not there", async () => {
    const { call } = await opened;
    await call("bash", { command: "echo x > gone.txt" });
    expect((await call("list_directory")).text).toContain("gone.txt (2)");
    expect((await call("read_file", { path: "gone.txt" })).text).toBe("1\tx");
    await call("bash", { command: "rm gone.txt" });
    for (const [tool, args] of [
      ["read_file", {}],
      ["edit_file", { old_string: "x", new_string: "y" }],
      ["grep", { pattern: "x" }],
    ] as const)
      expect((await call(tool, { path: "gone.txt", ...args })).text).toContain("Error (fileNotFound)");
    // One that somebody has deleted is made again: nothing is lost by that.
    expect((await call("write_file", { path: "gone.txt", content: "" })).text).toContain("Made ");
    await call("bash", { command: "rm gone.txt" });
  });

  test("refuses an edit that fits twice unless all are meant", async () => {
    const { call } = await opened;
    await call("write_file", { path: "notes/a.txt", content: "one\ntwo\none\n" });
    const edit = { path: "notes/a.txt", old_string: "one", new_string: "1" };
    expect((await call("edit_file", edit)).text).toContain("occurs 2 times");
    expect((await call("edit_file", { ...edit, replace_all: true })).text).toContain("2 places");
    expect((await call("read_file", { path: "notes/a.txt" })).text).toBe("1\t1\n2\ttwo\n3\t1");
  });

  test("keeps the line ends of a CRLF file", async () => {
    const { call } = await opened;
    await call("bash", { command: "printf 'a\\r\\nb\\r\\n' > crlf.txt" });
    await call("edit_file", { path: "crlf.txt", old_string: "a\nb", new_string: "c\nd" });
    expect((await call("bash", { command: "od -c crlf.txt | head -1; rm crlf.txt" })).text).toContain(
      "c  \\r  \\n   d  \\r  \\n",
    );
  });

  test("answers a long command with a job, and the job with what came since", async () => {
    const { call } = await opened;
    const first = await call("bash", { command: "echo begun; sleep 3; echo done; exit 4" });
    expect(first.text).toContain("begun\n[still running as job c");
    const id = /job (c\d+)/.exec(first.text)?.[1] ?? "";
    const end = await call("job_output", { id, wait: 20 });
    expect(end.text).toBe("done\n[exit code 4]");
  }, 15_000);

  test("starts a job in the background, reads it and ends it", async () => {
    const { call } = await opened;
    const { text } = await call("bash", { command: "echo up; exec sleep 300", background: true });
    const id = /as job (\d+)/.exec(text)?.[1] ?? "";
    await until("the job wrote", async () => (await call("job_output", { id, offset: 0 })).text.startsWith("up"));
    expect((await call("job_kill", { id })).text).toContain("[it was ended]");
    expect((await call("job_kill", { id: "99" })).text).toContain("There is no job 99");
    expect((await call("job_output", { id: "98" })).text).not.toContain("99");
  });

  test("ends a command at its timeout, with the output so far", async () => {
    const { call } = await opened;
    expect((await call("bash", { command: "echo before; sleep 60", timeout: 1 })).text).toBe(
      "before\n[timed out and was ended, exit code 124]",
    );
  });

  test("bounds long output, and says where the rest is", async () => {
    const { call } = await opened;
    const { text } = await call("bash", { command: "seq 100000" });
    expect(text.length).toBeLessThan(21_000);
    expect(text.startsWith("1\n2\n")).toBe(true);
    expect(text.endsWith("100000\n[exit code 0]")).toBe(true);
    const [, id, offset] = /id "(c\d+)", stream "stdout", offset (\d+)/.exec(text) ?? [];
    const page = await call("job_output", { id, offset: Number(offset) });
    const all = Array.from({ length: 100_000 }, (_, at) => `${at + 1}\n`).join("");
    expect(page.text.startsWith(all.slice(Number(offset), Number(offset) + 10_000))).toBe(true);
  });

  test("ends a command that the client cancels", async () => {
    const { call } = await opened;
    const stop = new AbortController();
    const mark = join(tempDir(), "pid");
    const calling = call("bash", { command: `echo $$ > ${mark}; exec sleep 300` }, { signal: stop.signal });
    await until("it runs", () => spawnSync("test", ["-s", mark]).status === 0);
    stop.abort();
    await expect(calling).rejects.toThrow();
    const pid = readFileSync(mark, "utf8").trim();
    await until("it is gone", () => spawnSync("kill", ["-0", pid]).status !== 0);
  });

  test("shows an image as one, and says what a binary, a missing and a huge file are", async () => {
    const { call } = await opened;
    const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    await call("bash", {
      command: `mkdir out; echo ${png} | base64 -d > out/dot.png; head -c 99 /dev/zero > out/zero`,
    });
    expect((await call("read_file", { path: "out/dot.png" })).image).toEqual({ data: png, mimeType: "image/png" });
    expect((await call("read_file", { path: "out/zero" })).text).toContain("is binary, 99 bytes");
    expect((await call("read_file", { path: "out/none" })).text).toContain("Error (fileNotFound)");
    expect((await call("read_file", { path: "src" })).text).toContain("is a directory");
    await call("bash", { command: "seq 1500000 > out/huge" });
    expect((await call("read_file", { path: "out/huge", offset: 1_499_999 })).text).toBe(
      "1499999\t1499999\n1500000\t1500000",
    );
    expect((await call("edit_file", { path: "out/huge", old_string: "7", new_string: "8" })).text).toContain(
      "is larger than",
    );
  });

  test("refuses what lies outside the tree on the host, and says where the session's own files are", async () => {
    const { call } = await opened;
    expect((await call("read_file", { path: "/etc/passwd" })).text).toContain("Error (outsideWorkspace)");
    expect((await call("write_file", { path: "../x", content: "" })).text).toContain("Error (outsideWorkspace)");
    const own = await call("read_file", { path: join(cwd, "check.sh") });
    expect(own.text).toContain("is a path of the user's machine; the session's is ");
  });

  test("says what is wrong with a call", async () => {
    const { call } = await opened;
    expect((await call("read_file", { file: "x" })).text).toContain("read_file has no argument file");
    expect((await call("read_file")).text).toContain("needs the argument path");
    expect((await call("bash", { command: "true", timeout: "5" })).text).toContain("has to be a whole number");
    expect((await call("nothing")).text).toContain("There is no tool nothing");
    expect((await call("grep", { pattern: "(" })).failed).toBe(true);
  });

  test("commits, shows the difference, and brings it back when the client goes", async () => {
    const { call, client } = await opened;
    await call("bash", { command: "git add -A && git commit -qm 'Add instead of subtracting'" });
    await call("write_file", { path: "left.txt", content: "uncommitted\n" });
    const { text } = await call("session_diff");
    expect(text).toContain("+echo $(($1 + $2))");
    expect(text).toContain("+uncommitted");
    expect(text).not.toContain("out/huge");
    await client.close();
    await until("the session is closed", () => onlyMeta(home).state === "closed");
    const meta = onlyMeta(home);
    expect(meta.capture?.status).toBe("captured");
    await until("nothing is left of its output", () => !existsSync(join(sessionFolder(home, meta.id).path, "mcp")));
    expect(readFileSync(join(cwd, "src/add.sh"), "utf8")).toContain("$1 - $2");
    const applied = await glue(home, ["session", "apply", meta.id], { cwd });
    expect(applied).toMatchObject({ code: 0 });
    const show = (path: string) => spawnSync("git", ["show", `glue/${meta.id}:${path}`], { cwd }).stdout.toString();
    expect(show("src/add.sh")).toContain("$1 + $2");
    expect(show("left.txt")).toBe("uncommitted\n");
  }, 120_000);
});
