import { expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isLocked, type Lock, type LockRequest, readHolder, takeLock } from "../../session/lock.ts";
import { tempDir } from "../support/temp-dir.ts";
import { machineWith } from "./support.ts";

const HOLDER = join(import.meta.dir, "lock-holder.ts");

function request(path: string, changes: Partial<LockRequest> = {}): LockRequest {
  return { path, doing: "testing", facts: machineWith(), waitMs: 0, ...changes };
}

test("twenty processes, every fourth of which dies holding it, never hold the lock at the same time", async () => {
  const dir = tempDir();
  const [path, counter] = [join(dir, "lock"), join(dir, "counter")];
  writeFileSync(counter, "0");
  const rounds = 5;
  const children = Array.from({ length: 20 }, (_, i) =>
    Bun.spawn([process.execPath, HOLDER, path, counter, String(rounds), i % 4 === 0 ? "crash" : "release"], {
      stderr: "inherit",
    }),
  );
  await Promise.all(children.map((child) => child.exited));
  expect(readFileSync(counter, "utf8")).toBe(String(20 * rounds));
}, 60_000);

test("a held lock says who holds it and what for; released, it is free again", async () => {
  const path = join(tempDir(), "lock");
  const lock = await takeLock(request(path, { doing: "closing the session" }));
  expect(readHolder(path)).toMatchObject({ pid: process.pid, host: "machine-a", doing: "closing the session" });
  await expect(takeLock(request(path))).rejects.toMatchObject({
    code: "sessionBusy",
    message: expect.stringContaining(`Process ${process.pid} is closing the session`),
  });
  lock.release();
  lock.release();
  (await takeLock(request(path))).release();
});

test("whether a lock is held is seen by any number at once, none of which is taken for a holder", async () => {
  const path = join(tempDir(), "lock");
  const look = () => Promise.all(Array.from({ length: 20 }, () => isLocked(path)));
  expect(new Set(await look())).toEqual(new Set([false]));
  const lock = await takeLock(request(path));
  expect(new Set(await look())).toEqual(new Set([true]));
  lock.release();
  // Looks of another process overlap with those of this one.
  const other = `import { isLocked } from ${JSON.stringify(join(import.meta.dir, "../../session/lock.ts"))};
    let seen = 0; for (let n = 0; n < 2000; n++) if (await isLocked(${JSON.stringify(path)})) seen++; process.exit(seen > 0 ? 1 : 0);`;
  const child = Bun.spawn([process.execPath, "-e", other], { stderr: "inherit" });
  while (child.exitCode === null) {
    expect(await look()).not.toContain(true);
    await Bun.sleep(1);
  }
  expect(await child.exited).toBe(0);
});

test("whoever waits is told once for whom, and gets the lock when it is released", async () => {
  const path = join(tempDir(), "lock");
  const first = await takeLock(request(path, { doing: "capturing" }));
  const waits: (string | undefined)[] = [];
  const second = takeLock(request(path, { waitMs: 10_000, onWait: (holder) => waits.push(holder?.doing) }));
  await Bun.sleep(120);
  first.release();
  const lock = await second;
  expect(waits).toEqual(["capturing"]);
  lock.release();
});

test("waiting ends when it is interrupted", async () => {
  const path = join(tempDir(), "lock");
  const lock = await takeLock(request(path));
  const controller = new AbortController();
  const waiting = takeLock(request(path, { waitMs: 60_000, signal: controller.signal }));
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
  lock.release();
});

test("a holder's pid that was given to another process since does not keep the lock", async () => {
  const path = join(tempDir(), "lock");
  const facts = machineWith({ 100: "new process" });
  const holder = { host: facts.host, boot: facts.boot, pid: 100, pidStart: "old process", doing: "x", since: "2026" };
  writeFileSync(path, JSON.stringify(holder));
  (await takeLock(request(path, { facts }))).release();
});

test("a child that a holder leaves behind does not keep the lock", async () => {
  const dir = tempDir();
  const path = join(dir, "lock");
  const script = `
    const { takeLock } = await import(${JSON.stringify(join(import.meta.dir, "../../session/lock.ts"))});
    const facts = { host: "h", boot: "b", startOf: () => "s" };
    await takeLock({ path: ${JSON.stringify(path)}, doing: "x", facts, waitMs: 0 });
    const child = Bun.spawn(["sleep", "60"], { stdin: "ignore", stdout: "ignore", stderr: "ignore", detached: true });
    console.log(child.pid);
    process.kill(process.pid, "SIGKILL");`;
  const holder = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const pid = Number((await holder.stdout.text()).trim());
  await holder.exited;
  try {
    process.kill(pid, 0);
    (await takeLock(request(path))).release();
  } finally {
    process.kill(pid, "SIGKILL");
  }
});

test("a lock whose file is taken away while one waits is not the lock any more", async () => {
  const path = join(tempDir(), "lock");
  const first = await takeLock(request(path));
  const waiting = takeLock(request(path, { waitMs: 10_000 }));
  await Bun.sleep(60);
  rmSync(path);
  const third = await takeLock(request(path));
  first.release();
  await Bun.sleep(60);
  let second: Lock | undefined;
  waiting.then((lock) => {
    second = lock;
  });
  await Bun.sleep(60);
  expect(second).toBeUndefined();
  third.release();
  (await waiting).release();
});

const fakes = [
  ["cannot lock", () => 38, /cannot lock files/],
  ["gives every lock to everybody", () => 0, /gives the same lock to two holders/],
] as const;
for (const [title, flock, message] of fakes) {
  test(`a file system that ${title} is refused with a sentence`, async () => {
    const path = join(tempDir(), "lock");
    await expect(takeLock(request(path, { flock }))).rejects.toThrow(message);
  });
}
