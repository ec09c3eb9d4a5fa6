import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachSession } from "../../session/attach.ts";
import { readCommandLog } from "../../session/command-log.ts";
import { takeLock } from "../../session/lock.ts";
import { machineFacts } from "../../session/owner.ts";
import { sessionFolder } from "../../session/store.ts";
import { freshHome, surroundings } from "../session/support.ts";
import { glue } from "../support/glue.ts";
import { tempDir } from "../support/temp-dir.ts";

async function openSession(...args: string[]) {
  const [home, cwd] = [freshHome(), realpathSync(tempDir())];
  const { stdout } = await glue(home, ["session", "start", "-q", "-r", "host", ...args], { cwd });
  const around = surroundings(home, { facts: machineFacts(home.root), env: process.env });
  return { home, cwd, id: stdout.trim(), around };
}

test("two hundred attach at once, run a command each and are all recorded", async () => {
  const { home, cwd, id, around } = await openSession();
  const codes = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const session = await attachSession(around, { id, cwd });
      const running = await session.run({ argv: ["sh", "-c", `exit ${i % 100}`] });
      const { exitCode } = await running.wait();
      running.carried({ stdout: 0, stderr: 0 });
      await session.detach();
      return exitCode;
    }),
  );
  expect(codes).toEqual(Array.from({ length: 200 }, (_, i) => i % 100));
  const log = readCommandLog(sessionFolder(home, id).events, around.facts);
  expect(log.damagedLines).toBe(0);
  expect(log.commands.map(({ exitCode }) => exitCode).sort()).toEqual([...codes].sort());
  await glue(home, ["session", "close", id], { cwd });
}, 120_000);

test("exec waits for no lock: it works while another process holds the session's", async () => {
  const { home, cwd, id, around } = await openSession();
  const lock = await takeLock({ path: sessionFolder(home, id).lock, doing: "testing", facts: around.facts, waitMs: 0 });
  expect(await glue(home, ["exec", "--", "echo", "hi"], { cwd })).toMatchObject({ code: 0, stdout: "hi\n" });
  lock.release();
  await glue(home, ["session", "close", id], { cwd });
});

test("what a command says of secrets is masked in the log, and its output is not", async () => {
  const { home, cwd, id } = await openSession();
  const env = { SERVICE_TOKEN: "tok-0123456789" };
  const script = 'echo "$SERVICE_TOKEN and tok-0123456789 and other-secret"';
  const ran = await glue(home, ["exec", "-e", "DB_PASSWORD=other-secret", "-c", script], { cwd, env });
  expect(ran.stdout).toBe("tok-0123456789 and tok-0123456789 and other-secret\n");
  const text = readFileSync(sessionFolder(home, id).events, "utf8");
  expect(text).not.toContain("tok-0123456789");
  expect(text).not.toContain("other-secret");
  expect(text).toContain('echo \\"$SERVICE_TOKEN and *** and ***\\"');
  expect(text).toContain('"env":["DB_PASSWORD"]');
  await glue(home, ["session", "close", id], { cwd });
});

test("a script of a megabyte runs whole and is cut in the log", async () => {
  const { home, cwd, id, around } = await openSession();
  const session = await attachSession(around, { id, cwd });
  const running = await session.run({ script: `# ${"x".repeat(1_000_000)}\nexit 5` });
  expect((await running.wait()).exitCode).toBe(5);
  await session.detach();
  const { commands } = readCommandLog(sessionFolder(home, id).events, around.facts);
  expect(commands).toEqual([expect.objectContaining({ cut: true, exitCode: 5, state: "ended" })]);
  expect(commands[0]?.script?.length).toBe(8_000);
  await glue(home, ["session", "close", id], { cwd });
});

test("a command that cannot be started is recorded as failed", async () => {
  const { home, cwd, id, around } = await openSession();
  const session = await attachSession(around, { id, cwd });
  await expect(session.run({ argv: ["true"] }, { cwd: "/no/such/folder" })).rejects.toThrow();
  await session.detach();
  const { commands } = readCommandLog(sessionFolder(home, id).events, around.facts);
  expect(commands).toEqual([expect.objectContaining({ state: "failed", code: expect.any(String) })]);
  await glue(home, ["session", "close", id], { cwd });
});

test("a log that cannot be written costs the note, not the command", async () => {
  const { home, cwd, id, around } = await openSession();
  const events = sessionFolder(home, id).events;
  writeFileSync(`${events}.kept`, readFileSync(events));
  Bun.spawnSync(["rm", events]);
  mkdirSync(join(events));
  const ran = await glue(home, ["exec", "--", "echo", "hi"], { cwd });
  expect([ran.code, ran.stdout]).toEqual([0, "hi\n"]);
  expect(ran.stderr).toContain("missing from the session's log");
  Bun.spawnSync(["rm", "-r", events]);
  await glue(home, ["session", "close", id], { cwd });
  expect(around.said.warnings).toEqual([]);
});
