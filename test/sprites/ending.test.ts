/** A command's end in the sprite: the end of the CLI alone would not be it. */
import { expect } from "bun:test";
import type { RunningCommand, RuntimeSession } from "../../runtimes/contract.ts";
import type { Double } from "../doubles/sprite/server.ts";
import { testWithDouble } from "./double.ts";
import { run, withDouble } from "./open.ts";

/** A tree of the shell, a child, and one with a session of its own; each of them sleeps this long. */
const SECONDS = "68";
const TREE = `echo up; sleep ${SECONDS} & setsid sleep ${SECONDS} & sleep ${SECONDS}`;

/** How many processes in the sprite have an argument that ends like this. */
async function count(double: Double, pattern = `^${SECONDS}`): Promise<number> {
  const script = `grep -lzE '${pattern}$' /proc/[0-9]*/cmdline 2>/dev/null | wc -l`;
  const counted = await double.sprites()[0]?.tool(["sh"], { stdin: Buffer.from(script) });
  return Number(Buffer.from(counted?.stdout ?? []).toString());
}

async function startTree(session: RuntimeSession, options: { timeoutMs?: number } = {}): Promise<RunningCommand> {
  const running = await session.executor.run({ script: TREE }, options);
  await running.stdout.getReader().read();
  return running;
}

testWithDouble("a cancel and a timeout end the whole tree", async () => {
  await withDouble(async ({ double, open }) => {
    const session = await open();
    const cancelled = await startTree(session);
    expect(await count(double)).toBe(3);
    await cancelled.kill();
    expect(await count(double)).toBe(0);
    expect((await cancelled.wait()).outcome).toBe("cancelled");
    const late = await startTree(session, { timeoutMs: 700 });
    expect(await late.wait()).toEqual({ exitCode: 124, outcome: "timeout" });
    expect(await count(double)).toBe(0);
  });
});

testWithDouble(
  "where the launcher cannot end it, the service's own session is killed, and what may be left is said",
  async () => {
    await withDouble(async ({ double, open }) => {
      const session = await open();
      const running = await startTree(session);
      expect(await count(double, "/run.sh")).toBeGreaterThan(0);
      await run(session, "mv ~/.glue-sandbox/tools-*/launch.sh ~/launch.sh");
      await expect(running.kill()).rejects.toMatchObject({ code: "processesLeft" });
      expect(await count(double, "/run.sh")).toBe(0);
    });
  },
);

testWithDouble("a tree whose connection was lost is ended by a cancel, too", async () => {
  await withDouble(async ({ double, open }) => {
    const session = await open();
    double.faults.add({ act: "cut", bytes: 2, times: 1, on: /run\.sh/ });
    const running = await session.executor.run({ script: TREE });
    await Bun.sleep(300);
    expect(await count(double)).toBe(3);
    await running.kill();
    expect(await count(double)).toBe(0);
    expect((await running.wait()).outcome).toBe("cancelled");
  });
});
