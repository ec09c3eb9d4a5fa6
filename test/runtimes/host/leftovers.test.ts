import { expect } from "bun:test";
import { rememberNow, surelyNothingLeft } from "../../../runtimes/host/leftovers.ts";
import { testUnless } from "../../support/needs.ts";

const reason = process.platform === "linux" ? undefined : "needs /proc";

testUnless(reason, "where nothing was started, that is known without a proper look", async () => {
  // On a machine that starts hundreds of processes in between, "I don't know" is right too; not every time, though.
  let known = false;
  for (let tries = 0; tries < 50 && !known; tries++) {
    const since = rememberNow();
    await Bun.spawn(["true"], { env: { GLUE_COMMAND: "gone_1" } }).exited;
    known = surelyNothingLeft(since, "gone_", new Set());
    await Bun.sleep(5);
  }
  expect(known).toBe(true);
});

testUnless(reason, "a process with the mark is never overlooked, nor one in a session that a command led", async () => {
  const since = rememberNow();
  const marked = Bun.spawn(["sleep", "63"], {
    env: { PATH: process.env.PATH, GLUE_COMMAND: "left_1" },
    detached: true,
  });
  // The mark is in its environment once it has become `sleep`.
  await Bun.sleep(50);
  expect(surelyNothingLeft(since, "left_", new Set())).toBe(false);
  expect(surelyNothingLeft(since, "other_", new Set([marked.pid]))).toBe(false);
  marked.kill();
  await marked.exited;
});

testUnless(reason, "after a while the short look says nothing any more", () => {
  const since = rememberNow();
  expect(surelyNothingLeft({ ...since, at: since.at - 3000 }, "x_", new Set())).toBe(false);
  expect(surelyNothingLeft({ ...since, lastPid: undefined }, "x_", new Set())).toBe(false);
  expect(surelyNothingLeft({ ...since, lastPid: (since.lastPid ?? 0) + 1_000_000 }, "x_", new Set())).toBe(false);
});
