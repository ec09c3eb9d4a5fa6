import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { RuntimeSession } from "../../../runtimes/contract.ts";
import { tempDir } from "../../support/needs.ts";
import { hostContext, hostOptions, openHost, runtime } from "./open-host.ts";

async function textOf(session: RuntimeSession, ...argv: [string, ...string[]]): Promise<string> {
  const running = await session.executor.run({ argv });
  return new Response(running.stdout).text();
}

describe("a session on the host", () => {
  test("works on the folder itself, and closing it leaves the folder alone", async () => {
    const top = tempDir();
    writeFileSync(`${top}/mine`, "x");
    const session = await runtime.open(await hostOptions(), hostContext("direct", top));
    expect([session.direct, session.paths.workspace]).toEqual([true, top]);
    expect(await textOf(session, "ls")).toBe("mine\n");
    await session.close();
    await session.close();
    expect(readdirSync(top)).toEqual(["mine"]);
    expect(existsSync(session.paths.private)).toBe(false);
  });

  test("works on an empty copy where that is asked for, and closing it removes the copy, read-only folders and all", async () => {
    const context = hostContext("copy");
    const session = await runtime.open(await hostOptions(), context);
    expect([session.direct, session.paths.workspace]).toEqual([false, `${context.sessionDir}/workspace`]);
    expect(readdirSync(session.paths.workspace)).toEqual([]);
    await session.workspace.write("read-only/file", new Uint8Array());
    chmodSync(`${session.paths.workspace}/read-only`, 0o500);
    await session.close();
    expect(readdirSync(context.sessionDir)).toEqual([]);
  });

  test("is planned without touching anything, and opened as planned", async () => {
    const context = hostContext("copy");
    const planned = runtime.plan(await hostOptions(), context);
    expect([planned.id, readdirSync(context.sessionDir)]).toEqual([undefined, []]);
    const session = await runtime.open(await hostOptions(), context);
    expect(session.handle).toEqual({ ...planned, id: planned.name });
    await session.close();
  });

  test("is reached by its handle from elsewhere, and released from there with all that runs in it", async () => {
    const context = hostContext("copy");
    const session = await runtime.open(await hostOptions(), context);
    const running = await session.executor.run({ argv: ["sh", "-c", "setsid sleep 61 & echo on; exec sleep 61"] });
    await running.stdout.getReader().read();
    const handle = JSON.parse(JSON.stringify(session.handle));
    const other = await runtime.attach(handle, await hostOptions());
    await other.workspace.write("a", new TextEncoder().encode("by the other"));
    expect(readFileSync(`${session.paths.workspace}/a`, "utf8")).toBe("by the other");
    await other.detach();
    await runtime.release(handle, await hostOptions());
    expect((await running.wait()).exitCode).toBe(143);
    expect(readdirSync(context.sessionDir)).toEqual([]);
    await runtime.release(handle, await hostOptions());
    await expect(runtime.attach(handle, await hostOptions())).rejects.toMatchObject({ code: "sandboxGone" });
  });

  test("a planned handle can be released too: nothing was made, nothing is missing", async () => {
    const context = hostContext("direct");
    await runtime.release(runtime.plan(await hostOptions(), context), await hostOptions());
    expect(existsSync(context.tree.top)).toBe(true);
  });

  test("a handle that is not whole is refused before anything is removed by it", async () => {
    const handle = { runtime: "host" as const, name: "glue-x", data: { sessionId: "x", mode: "copy", workspace: "" } };
    await expect(runtime.release(handle, await hostOptions())).rejects.toMatchObject({ code: "sessionDamaged" });
  });

  test("cannot be opened on a folder that is gone, or where the session's folder cannot be written", async () => {
    const gone = hostContext("direct");
    rmSync(gone.tree.top, { recursive: true });
    await expect(runtime.open(await hostOptions(), gone)).rejects.toMatchObject({ code: "cwdInvalid" });
    const blocked = hostContext("direct");
    writeFileSync(`${blocked.sessionDir}/private`, "");
    await expect(runtime.open(await hostOptions(), blocked)).rejects.toMatchObject({ code: "homeUnusable" });
    const aborted = { ...hostContext("direct"), signal: AbortSignal.abort() };
    await expect(runtime.open(await hostOptions(), aborted)).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("ending all that runs in a session", () => {
  const script: [what: string, text: string][] = [
    ["a child in the background", "sleep 62 >/dev/null 2>&1 &"],
    ["one with a session of its own", "setsid sleep 62 >/dev/null 2>&1 &"],
    ["one that dropped its environment", "env -i sleep 62 >/dev/null 2>&1 &"],
  ];
  test.each(script)("finds %s, also straight after the command", async (_what, text) => {
    const session = await openHost();
    const running = await session.executor.run({ argv: ["sh", "-c", `${text} echo $!`] });
    const pid = Number(await new Response(running.stdout).text());
    await running.wait();
    expect(runs(pid)).toBe(true);
    await session.killAll();
    expect(runs(pid)).toBe(false);
    await session.close();
  });
});

test("what is ready is told, and what is missing with its remedy", async () => {
  const ready = await runtime.diagnose(await hostOptions());
  expect(ready.find(({ name }) => name === "sh")?.status).toBe("ok");
  expect(ready.find(({ name }) => name === "git")?.detail).toMatch(/git version/);
  const options = await hostOptions({ "shell.executable": "no-such-shell" });
  const missing = (await runtime.diagnose(options)).find(({ name }) => name === "shell.executable");
  expect([missing?.status, missing?.fix !== undefined]).toEqual(["missing", true]);
});

test("the host owns nothing but what its records say", async () => {
  expect(await runtime.listOwned(await hostOptions())).toEqual([]);
});

function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}
