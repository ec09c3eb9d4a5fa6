import { expect, test } from "bun:test";
import { startFromStat } from "../../session/machine.ts";
import { isAlive, machineFacts } from "../../session/owner.ts";
import { freshHome, machineWith, ownerOn } from "./support.ts";

const machine = machineWith({ 100: "5000", 101: undefined });

const cases = [
  ["a process that runs is alive", { pid: 100, pidStart: "5000" }, "alive"],
  ["a pid that is gone is dead", { pid: 99, pidStart: "5000" }, "dead"],
  ["a pid that was given to another process since is dead", { pid: 100, pidStart: "4000" }, "dead"],
  ["a process whose start cannot be read is unknown", { pid: 101, pidStart: "5000" }, "unknown"],
  ["an owner that could not say its own start is unknown", { pid: 100, pidStart: "unknown" }, "unknown"],
  ["a pid of another machine says nothing", { pid: 99, host: "machine-b" }, "unknown"],
  ["a pid of another boot, or another container, says nothing", { pid: 99, boot: "boot-0" }, "unknown"],
] as const;

for (const [title, owner, state] of cases) {
  test(title, () => expect(isAlive(ownerOn(machine, owner), machine).state).toBe(state));
}

test("a real process is alive until it is killed, also while nobody has reaped it", async () => {
  const facts = machineFacts(freshHome().root);
  const child = Bun.spawn(["sleep", "60"]);
  const start = facts.startOf(child.pid);
  if (start === undefined || start === "gone") throw new Error("the child has no start time");
  const owner = ownerOn(facts, { pid: child.pid, pidStart: start });
  expect(isAlive(owner, facts).state).toBe("alive");
  child.kill("SIGKILL");
  await child.exited;
  expect(isAlive(owner, facts).state).toBe("dead");
});

test("the start time is found behind a process name with blanks and parentheses", () => {
  const rest = Array.from({ length: 30 }, (_, i) => `f${i + 4}`).join(" ");
  expect(startFromStat(`12 (a) b (c)) S ${rest}`)).toBe("f22");
  expect(startFromStat(`12 (dead) Z ${rest}`)).toBe("gone");
});
