import { expect, test } from "bun:test";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { appendEvent } from "../../session/append-event.ts";
import { readCommandLog } from "../../session/command-log.ts";
import { readEvents, type SessionEvent } from "../../session/events.ts";
import { tempDir } from "../support/temp-dir.ts";
import { machineWith } from "./support.ts";

const at = "2026-11-22T10:00:00.000Z";
const machine = machineWith({ 7: "77" });
const by = (pid: number) => ({ host: machine.host, boot: machine.boot, pid, pidStart: String(pid * 11) });
const started = (command: string, pid = 7): SessionEvent => ({
  at,
  type: "started",
  command,
  by: by(pid),
  argv: ["true"],
});
const ended = (command: string): SessionEvent => ({
  at,
  type: "ended",
  command,
  exitCode: 3,
  outcome: "exited",
  ms: 12,
  stdoutBytes: 5,
});

test("events are read back in their order", () => {
  const path = join(tempDir(), "events.jsonl");
  const events = [started("a"), started("b"), ended("b")];
  for (const event of events) appendEvent(path, event);
  expect(readEvents(path)).toEqual({ events, damagedLines: 0 });
  expect(readEvents(join(tempDir(), "none"))).toEqual({ events: [], damagedLines: 0 });
});

test("a line that was torn costs itself, not the one that was appended behind it", () => {
  const path = join(tempDir(), "events.jsonl");
  appendEvent(path, started("a"));
  appendFileSync(path, JSON.stringify(started("b")).slice(0, 40));
  appendEvent(path, started("c"));
  appendFileSync(path, "not ours at all\n");
  appendEvent(path, ended("c"));
  const { events, damagedLines } = readEvents(path);
  expect(events.map((event) => event.type === "session" || event.command)).toEqual(["a", "c", "c"]);
  expect(damagedLines).toBe(2);
});

test("the log tells running, ended, cancelled, failed and unknown commands apart", () => {
  const path = join(tempDir(), "events.jsonl");
  appendEvent(path, started("runs"));
  appendEvent(path, started("killed", 8));
  for (const command of ["done", "stopped", "broken"]) appendEvent(path, started(command));
  appendEvent(path, ended("done"));
  appendEvent(path, { at, type: "cancelled", command: "stopped", exitCode: 143, outcome: "cancelled", ms: 5 });
  appendEvent(path, { at, type: "failed", command: "broken", code: "sandboxGone", message: "gone", ms: 5 });
  const { commands } = readCommandLog(path, machine);
  expect(commands.map(({ command, state }) => [command, state])).toEqual([
    ["runs", "running"],
    ["killed", "unknown"],
    ["done", "ended"],
    ["stopped", "cancelled"],
    ["broken", "failed"],
  ]);
  expect(commands[2]).toMatchObject({ exitCode: 3, outcome: "exited", ms: 12, stdoutBytes: 5, argv: ["true"], pid: 7 });
});

test("ten processes that append at once never mix their lines", async () => {
  const path = join(tempDir(), "events.jsonl");
  const script = `
    const { appendEvent } = await import(${JSON.stringify(join(import.meta.dir, "../../session/append-event.ts"))});
    const by = { host: "h", boot: "b", pid: process.pid, pidStart: "s" };
    for (let i = 0; i < 100; i++)
      appendEvent(${JSON.stringify(path)}, { at: "t", type: "started", command: process.pid + "-" + i, by, argv: ["x".repeat(i * 80)] });`;
  const children = Array.from({ length: 10 }, () => Bun.spawn([process.execPath, "-e", script], { stderr: "inherit" }));
  for (const child of children) expect(await child.exited).toBe(0);
  const { events, damagedLines } = readEvents(path);
  expect([events.length, damagedLines]).toEqual([1000, 0]);
  expect(readFileSync(path, "utf8").trimEnd().split("\n").length).toBe(1000);
}, 30_000);
