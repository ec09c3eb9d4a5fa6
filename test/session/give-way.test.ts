import { expect, test } from "bun:test";
import { join } from "node:path";
import { untilWanted, unwaited } from "../../session/give-way.ts";
import { takeLock } from "../../session/lock.ts";
import { tempDir } from "../support/temp-dir.ts";
import { localSandbox } from "../workspace/local-sandbox.ts";
import { machineWith } from "./support.ts";

const asks = (path: string, waitMs: number) =>
  takeLock({ path, doing: "testing", facts: machineWith({}), waitMs }).catch((error: unknown) => error);

test("a holder sees that somebody waits for its lock, and not that somebody has only asked", async () => {
  const path = join(tempDir(), "lock");
  const lock = await takeLock({ path, doing: "testing", facts: machineWith({}), waitMs: 0 });
  await asks(path, 0);
  expect(lock.isWanted()).toBe(false);
  await asks(path, 60);
  expect(lock.isWanted()).toBe(true);
  lock.release();
  expect(lock.isWanted()).toBe(false);
});

test("what is saved for somebody who has waited for two seconds is given up", async () => {
  const path = join(tempDir(), "lock");
  const lock = await takeLock({ path, doing: "testing", facts: machineWith({}), waitMs: 0 });
  const { over, stop } = untilWanted(lock);
  const began = performance.now();
  over.addEventListener("abort", () => lock.release());
  const second = await takeLock({ path, doing: "testing", facts: machineWith({}), waitMs: 10_000 });
  expect(performance.now() - began).toBeGreaterThan(1_900);
  expect(performance.now() - began).toBeLessThan(9_500);
  second.release();
  stop();
});

test("nothing of a sandbox is waited for once its time is over, whatever was under way", async () => {
  const controller = new AbortController();
  const runtime = unwaited(localSandbox(tempDir()), controller.signal);
  const running = await runtime.executor.run({ argv: ["sh", "-c", "echo begun; exec sleep 15"] });
  const reader = running.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("begun\n");
  const waits = [running.wait(), reader.read()].map((wait) => wait.catch((error: unknown) => error));
  const began = performance.now();
  controller.abort();
  for (const wait of waits) expect(await wait).toMatchObject({ code: "cancelled" });
  expect(await runtime.workspace.stat("file").catch((error: unknown) => error)).toMatchObject({ code: "cancelled" });
  expect(performance.now() - began).toBeLessThan(8_000);
});
