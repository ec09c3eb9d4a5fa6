import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../session/home.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { glue, runs, until } from "../support/glue.ts";
import { mcpClient } from "../support/mcp-client.ts";
import { tempDir } from "../support/temp-dir.ts";

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

function folder(): string {
  const dir = join(tempDir(), "work");
  mkdirSync(dir);
  writeFileSync(join(dir, "a.txt"), "a\n");
  return dir;
}

function stateOf(home: Home): string | undefined {
  const [id] = sessionIds(home);
  return id === undefined ? undefined : readMeta(sessionFolder(home, id)).state;
}

/** A `glue mcp` that is spoken to in bytes. */
function rawServer(home: Home, cwd: string) {
  const child = spawn(process.execPath, [MAIN, "mcp", "-r", "host", "--copy"], {
    cwd,
    env: { PATH: process.env.PATH, HOME: home.root, GLUE_HOME: home.root, BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  let text = "";
  child.stdout.on("data", (bytes: Buffer) => {
    text += bytes;
  });
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  return {
    child,
    ended,
    send: (line: string) => child.stdin.write(`${line}\n`),
    /** The answer with that id; undefined until it is there. */
    answers: () =>
      text
        .split("\n")
        .slice(0, -1)
        .map(
          (line) => JSON.parse(line) as { id: unknown; error?: { code: number; message: string }; result?: unknown },
        ),
  };
}

const HELLO = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
});

describe("what comes on the wire", () => {
  test("gets one answer each where it is no JSON, no JSON-RPC or 50 MB, and the connection goes on", async () => {
    const server = rawServer(freshHome(), folder());
    server.send(HELLO);
    server.send("{ this is no json");
    server.send('{"hello":1,"id":7}');
    const big = {
      method: "tools/call",
      params: { name: "write_file", arguments: { content: "x".repeat(50_000_000) } },
    };
    server.send(JSON.stringify({ ...big, jsonrpc: "2.0", id: 8 }));
    server.send('{"jsonrpc":"2.0","id":9,"method":"ping"}');
    await until("the last is answered", () => server.answers().some(({ id }) => id === 9), 60_000);
    const answers = server.answers();
    expect(answers.map(({ id, error }) => [id, error?.code])).toEqual(
      expect.arrayContaining([
        [0, undefined],
        [null, -32700],
        [7, -32600],
        [8, -32600],
        [9, undefined],
      ]),
    );
    expect(answers.length).toBe(5);
    server.child.stdin.end();
    expect(await server.ended).toBe(0);
  }, 120_000);

  test("reports progress of a call that takes long", async () => {
    const { call, close } = await mcpClient(freshHome(), ["-r", "host", "--copy"], { cwd: folder() });
    const told: string[] = [];
    await call("bash", { command: "echo half; sleep 6" }, { onprogress: ({ message }) => told.push(message ?? "") });
    await close();
    expect(told).toEqual(["5 s: 5 bytes of output so far; half"]);
  }, 120_000);
});

describe("a call that cannot be answered in time", () => {
  test("says that the session is not open yet, and the same call finds it open later", async () => {
    const { call, close } = await mcpClient(freshHome(), ["-r", "host", "--copy", "--answer-within", "1ms"], {
      cwd: folder(),
    });
    const first = await call("list_directory");
    expect(first.failed).toBe(true);
    expect(first.text).toContain("The session is not open yet");
    expect(first.text).toContain("Make the same call again.");
    await until("it is open", async () => (await call("list_directory")).text.includes("a.txt (2)"), 60_000);
    await close();
  }, 90_000);
});

describe("paths on the host", () => {
  test("lead out of the tree where that is allowed, and nowhere else", async () => {
    const beside = join(tempDir(), "beside.txt");
    for (const [flags, failed] of [
      [["--allow-outside"], false],
      [[], true],
    ] as const) {
      const { call, close } = await mcpClient(freshHome(), ["-r", "host", ...flags], { cwd: folder() });
      expect((await call("write_file", { path: beside, content: "there\n" })).failed).toBe(failed);
      expect((await call("read_file", { path: beside })).failed).toBe(failed);
      await close();
    }
  }, 120_000);
});

describe("the end of a client", () => {
  test("that goes while its session is being opened leaves nothing", async () => {
    const home = freshHome();
    const cwd = folder();
    for (let i = 0; i < 5_000; i++) writeFileSync(join(cwd, `f${i}`), `${i}\n`);
    const server = rawServer(home, cwd);
    server.send(HELLO);
    const params = { name: "bash", arguments: { command: "echo here > made.txt" } };
    server.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }));
    const recorded = () => sessionIds(home).some((id) => existsSync(join(sessionFolder(home, id).path, "meta.json")));
    await until("the session is recorded", recorded, 60_000);
    server.child.stdin.end();
    expect(await server.ended).toBe(0);
    const [id = ""] = sessionIds(home);
    expect(["failed", "closed"]).toContain(readMeta(sessionFolder(home, id)).state);
    expect(existsSync(join(sessionFolder(home, id).path, "workspace"))).toBe(false);
  }, 90_000);

  for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
    test(`captures, closes and leaves no process, by ${signal}`, async () => {
      const home = freshHome();
      const cwd = folder();
      const mark = join(tempDir(), "pid");
      const server = rawServer(home, cwd);
      server.send(HELLO);
      const command = `echo new > b.txt; echo $$ > ${mark}; sleep 300`;
      const params = { name: "bash", arguments: { command } };
      server.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }));
      await until("it runs", () => existsSync(mark) && readFileSync(mark, "utf8").trim() !== "");
      server.child.kill(signal);
      // Some do it again, and in other words, before long.
      if (signal === "SIGINT") setTimeout(() => server.child.kill("SIGTERM"), 100);
      await until("the session is closed", () => stateOf(home) === "closed", 60_000);
      const [id = ""] = sessionIds(home);
      expect(readMeta(sessionFolder(home, id)).capture?.status).toBe("captured");
      expect(runs(Number(readFileSync(mark, "utf8")))).toBe(false);
      expect(await server.ended).toBe(signal === "SIGKILL" ? null : 0);
    }, 25_000);
  }
});

describe("the place of the session", () => {
  test("is never another than the one asked for, whatever the configuration allows", async () => {
    const home = freshHome();
    const { call, close } = await mcpClient(home, ["-r", "docker", "--set", "docker.fallback_to_host=true"], {
      cwd: folder(),
    });
    const { text, failed } = await call("bash", { command: "echo here" });
    await close();
    expect(failed).toBe(true);
    expect(text).toContain("Error (runtimeNotListening)");
    expect(text).not.toContain("\nhere");
  });

  test("is the open session that -s names, which stays open", async () => {
    const home = freshHome();
    const cwd = folder();
    const { stdout } = await glue(home, ["session", "start", "-r", "host", "--copy"], { cwd });
    const id = stdout.trim();
    const { call, close } = await mcpClient(home, ["-s", id], { cwd });
    await call("write_file", { path: "b.txt", content: "b\n" });
    await close();
    const seen = await glue(home, ["exec", "-s", id, "--", "cat", "b.txt"], { cwd });
    expect(seen).toMatchObject({ code: 0, stdout: "b\n" });
    expect((await glue(home, ["session", "close", id], { cwd })).code).toBe(0);
  }, 120_000);

  test("cannot be both an open session and a new one", async () => {
    const ran = await glue(freshHome(), ["mcp", "-s", "x", "-r", "host"], { cwd: folder() });
    expect(ran.code).toBe(2);
  });
});
