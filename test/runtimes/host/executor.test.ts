import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Command, RunOptions, RuntimeSession } from "../../../runtimes/contract.ts";
import { testUnless } from "../../support/needs.ts";
import { openHost } from "./open-host.ts";

let session: RuntimeSession;
beforeAll(async () => {
  session = await openHost();
});
afterAll(async () => {
  await session.killAll();
  await session.close();
});

async function run(command: Command, options?: RunOptions) {
  const running = await session.executor.run(command, options);
  const [out, err, result] = await Promise.all([
    new Response(running.stdout).text(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  return { ...result, out, err };
}

const sh = (script: string): Command => ({ argv: ["sh", "-c", script] });
const onLinux = process.platform === "linux" ? undefined : "needs Linux";

describe("a command on the host", () => {
  test("started directly, is told from a signal even where a shell could not", async () => {
    expect(await run(sh("exit 130"))).toMatchObject({ exitCode: 130, outcome: "exited" });
    expect(await run(sh("kill -s INT $$; sleep 5"))).toMatchObject({ exitCode: 130, outcome: "signalled" });
  });

  testUnless(onLinux, "leads a session of its own, with or without a deadline", async () => {
    for (const options of [{}, { timeoutMs: 30_000 }]) {
      const { out } = await run(sh("cat /proc/self/stat"), options);
      const [, , , session] = out.slice(out.lastIndexOf(") ") + 2).split(" ");
      const [, , , ours] = readFileSync("/proc/self/stat", "latin1")
        .replace(/^.*\) /, "")
        .split(" ");
      expect(Number(session)).toBeGreaterThan(0);
      expect(session).not.toBe(ours);
    }
  });

  test("carries its mark, and nobody else's", async () => {
    process.env.GLUE_COMMAND = "of-an-outer-glue";
    const running = await session.executor.run({ argv: ["sh", "-c", "echo $GLUE_COMMAND"] });
    delete process.env.GLUE_COMMAND;
    expect(await new Response(running.stdout).text()).toBe(`${running.id}\n`);
    const timed = await session.executor.run({ argv: ["sh", "-c", "echo $GLUE_COMMAND"] }, { timeoutMs: 30_000 });
    expect(await new Response(timed.stdout).text()).toBe(`${timed.id}\n`);
  });

  test("finds PWD to be the folder it is in", async () => {
    expect((await run({ argv: ["env"] }, { cwd: "/usr" })).out).toContain("PWD=/usr\n");
    expect((await run({ argv: ["env"] }, { cwd: "/usr", timeoutMs: 30_000 })).out).toContain("PWD=/usr\n");
  });

  test("can write straight to our own streams: its two are then empty", async () => {
    const ended = await run(sh("printf '' ; exit 2"), { inherit: true });
    expect(ended).toEqual({ exitCode: 2, outcome: "exited", out: "", err: "" });
  });

  test("runs a script in the user's shell and its mode, unless one is named", async () => {
    const own = await openHost("direct", { "shell.executable": "bash", "shell.mode": "login" });
    const say = "shopt -q login_shell 2>/dev/null && echo login; echo $0";
    const running = await own.executor.run({ script: say });
    expect(await new Response(running.stdout).text()).toBe("login\nbash\n");
    const named = await own.executor.run({ script: "echo $0", shell: "sh" });
    expect(await new Response(named.stdout).text()).toBe("sh\n");
    await own.close();
  });

  test("fails by name when its stdin cannot be read to the end, and does not run on with half of it", async () => {
    const broken = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode("half")),
      pull: (controller) => controller.error(new Error("the disk went away")),
    });
    const running = await session.executor.run(sh("cat; sleep 30; echo done"), { stdin: broken });
    await expect(running.wait()).rejects.toMatchObject({ code: "ioFailed" });
  });

  test("is not held by a child that keeps its stdin and never reads it", async () => {
    const began = performance.now();
    const ended = await run(sh("sleep 60 <&0 >/dev/null 2>&1 & exit 2"), { stdin: new Uint8Array(5_000_000) });
    expect(ended.exitCode).toBe(2);
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test("whose launcher was killed has an unknown outcome, not a made-up one", async () => {
    const running = await session.executor.run(sh("echo $PPID; exec sleep 30"), { timeoutMs: 60_000 });
    const reader = running.stdout.getReader();
    const launcher = Number(new TextDecoder().decode((await reader.read()).value));
    process.kill(launcher, "SIGKILL");
    await expect(running.wait()).rejects.toMatchObject({ code: "outcomeUnknown" });
    await running.kill();
  });

  test("is ended by another process's cancel, and says so", async () => {
    const running = await session.executor.run({ argv: ["sleep", "30"] });
    const { endTree } = await import("../../../runtimes/host/end-tree.ts");
    await endTree("kill", running.id, `${session.paths.private}/spool`, 300);
    expect((await running.wait()).outcome).toBe("cancelled");
  });
});

testUnless(onLinux, "no descriptor and no record stays behind, however commands end", async () => {
  const descriptors = () =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith("pipe:");
      } catch {
        return false; // the very descriptor that lists
      }
    }).length;
  const spool = `${session.paths.private}/spool`;
  const before = { descriptors: descriptors(), records: readdirSync(spool).length };
  for (let round = 0; round < 10; round++) {
    await run(sh("echo a; echo b >&2"), { stdin: new TextEncoder().encode("x") });
    await run(sh("exit 3"), { timeoutMs: 30_000 });
    await run({ argv: ["no-such-program"] }, { stdin: new Uint8Array(10) });
    const unread = await session.executor.run(sh("echo a"));
    await unread.wait();
    await Promise.all([unread.stdout.cancel(), unread.stderr.cancel()]);
    await session.executor.run({ argv: ["true"] }, { cwd: "/gone" }).catch(() => undefined);
  }
  await Bun.sleep(50);
  expect(descriptors()).toBeLessThanOrEqual(before.descriptors);
  expect(readdirSync(spool).length).toBe(before.records);
  expect(existsSync(spool)).toBe(true);
});
