/** The sidecar by its protocol alone. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/glue.ts";
import { tempDir } from "../support/temp-dir.ts";
import { type ModalDouble, type Sdk, testWithModal } from "./double.ts";
import { shareDouble, withEachSdk } from "./each-sdk.ts";
import { Talk } from "./talk.ts";

withEachSdk(sidecar);

function sidecar(sdk: Sdk): void {
  let double: ModalDouble;
  shareDouble(sdk, (made) => {
    double = made;
  });
  const runs = async (id: string) => (await double.state()).sandboxes.some((box) => box.id === id && box.running);

  testWithModal("tells of its progress, sends as much as it has credit for, and tells ends apart", async () => {
    const talk = new Talk(double, sdk);
    const sandbox = await talk.open({ life: "session" });
    const progress = talk.heard.filter(({ method }) => method === "progress").map(({ params }) => params?.what);
    expect(progress).toEqual(["image: building", "sandbox: starting"]);

    await talk.ask("exec", { exec: 1, argv: ["sh", "-c", "yes | head -c 5000000; kill -9 $$"], credit: 100_000 });
    await until("all of the credit is used", () => talk.output(1).length === 100_000);
    await Bun.sleep(1_000);
    expect(talk.output(1).length).toBe(100_000);
    talk.say({ method: "credit", params: { exec: 1, fd: 1, bytes: 10_000_000 } });
    const exited = await talk.first(({ method, params }) => method === "exited" && params?.exec === 1);
    expect([talk.output(1).length, exited.params]).toEqual([5_000_000, { exec: 1, code: 137 }]);

    // The service's own limit is no exit.
    await talk.ask("exec", { exec: 2, argv: ["sleep", "60"], credit: 1_000, timeout: 1 });
    const late = await talk.first(({ method, params }) => method === "exited" && params?.exec === 2);
    expect(late.params?.error).toMatchObject({ data: { kind: "timeout" } });

    // It answers while a command runs, and one that is started without input finds its end.
    await talk.ask("exec", { exec: 3, argv: ["sleep", "600"], credit: 1_000 });
    await talk.ask("exec", { exec: 4, argv: ["cat"], credit: 1_000 });
    await talk.first(({ method, params }) => method === "exited" && params?.exec === 4);
    expect((await talk.ask("nonsense", {})).error?.data).toEqual({ kind: "invalid" });
    expect((await talk.ask("shutdown", { terminate: true })).result).toEqual({});
    expect(await talk.child.exited).toBe(0);
    expect(await runs(sandbox)).toBe(false);
  });

  testWithModal(
    "what it refuses has a kind: another protocol, a file that cannot be, a sandbox that has ended",
    async () => {
      const other = new Talk(double, sdk);
      const refused = await other.ask("initialize", { protocol: 2, life: "session" });
      expect(refused.error).toMatchObject({
        message: "the sidecar speaks protocol 1, glue 2",
        data: { kind: "tooOld" },
      });
      await other.child.stdin.end();
      expect(await other.child.exited).toBe(0);

      const talk = new Talk(double, sdk);
      const sandbox = await talk.open({ life: "session" });
      const bytes = Buffer.from("content");
      expect((await talk.ask("put", { put: "a", path: "/tmp/file", last: true }, bytes)).result).toEqual({});
      const under = await talk.ask("put", { put: "b", path: "/tmp/file/under", last: true }, bytes);
      expect(under.error?.data).toEqual({ kind: "file" });
      const unknown = await talk.ask("attach", { sandbox: "sb-0000000000000000000000" });
      expect(unknown.error?.data).toEqual({ kind: "invalid" });
      await double.end("idle", sandbox);
      const dead = await talk.first(({ method }) => method === "dead");
      expect(dead.params).toEqual({ why: "idle", message: "it was idle for too long" });
      const late = await talk.ask("exec", { exec: 1, argv: ["true"], credit: 1_000 });
      expect(late.error?.data).toEqual({ kind: "dead", why: "idle" });
      await talk.ask("shutdown", { terminate: false });
    },
  );

  testWithModal("a create that is cancelled, or whose glue dies meanwhile, leaves no sandbox", async () => {
    const before = (await double.state()).sandboxes.length;
    const talk = new Talk(double, sdk);
    await talk.ask("initialize", { protocol: 1, life: "session" });
    await double.fault("slow_create", 2);
    const tags = { glue: "1", "glue-session": "cancelled" };
    const id = talk.request("open", { app: "talk", image: null, tags, timeout: 300 });
    await talk.first(({ method, params }) => method === "progress" && params?.what === "sandbox: starting");
    await Bun.sleep(500);
    talk.say({ method: "$/cancel", params: { id } });
    expect((await talk.answer(id)).error?.data).toEqual({ kind: "cancelled" });
    const ended = async () => {
      const made = (await double.state()).sandboxes.slice(before);
      return made.length === 1 && made.every(({ running }) => !running);
    };
    await until("what was made all the same has ended", ended, 60_000);
    await talk.ask("shutdown", { terminate: false });

    const file = join(tempDir(), "farewell");
    const gone = new Talk(double, sdk);
    const farewell = { argv: ["sh", "-c", "exit 66"], file, seconds: 30 };
    await gone.ask("initialize", { protocol: 1, life: "run", farewell });
    await double.fault("slow_create", 2);
    gone.request("open", { app: "talk", image: null, tags: { ...tags, "glue-session": "gone" }, timeout: 300 });
    await gone.first(({ method, params }) => method === "progress" && params?.what === "sandbox: starting");
    await gone.child.stdin.end();
    await gone.child.exited;
    const left = (await double.state()).sandboxes.filter(({ tags }) => tags["glue-session"] === "gone");
    expect(left.filter(({ running }) => running)).toEqual([]);
  });

  for (const how of ["the end of its stdin", "SIGTERM", "SIGINT", "SIGHUP"] as const) {
    testWithModal(`${how}: a run's sandbox ends when its farewell is saved, a session's goes on`, async () => {
      const file = join(tempDir(), "farewell");
      const end = async (talk: Talk) => {
        if (how === "the end of its stdin") await talk.child.stdin.end();
        else talk.child.kill(how);
        expect(await talk.child.exited).toBe(0);
      };
      const run = new Talk(double, sdk);
      const argv = ["sh", "-c", "head -c 3000000 /dev/zero; echo words >&2"];
      const ended = await run.open({ life: "run", farewell: { argv, file, seconds: 60 } });
      await end(run);
      expect([readFileSync(file).length, await runs(ended)]).toEqual([3_000_000, false]);
      const session = new Talk(double, sdk);
      const kept = await session.open({ life: "session" });
      await end(session);
      expect(await runs(kept)).toBe(true);
      const other = new Talk(double, sdk);
      await other.ask("initialize", { protocol: 1, life: "session" });
      expect((await other.ask("terminate", { sandbox: kept })).result).toEqual({});
      await other.ask("shutdown", { terminate: false });
      expect(await runs(kept)).toBe(false);
    });
  }

  testWithModal(
    "a farewell that fails or takes too long leaves the sandbox, in bounded time, and says why",
    async () => {
      for (const argv of [
        ["sh", "-c", "echo half; exit 3"],
        ["sleep", "600"],
      ]) {
        const file = join(tempDir(), "farewell");
        const log = tempDir();
        writeFileSync(join(log, "log"), "what it printed\n");
        const talk = new Talk(double, sdk, { GLUE_SIDECAR_LOG: log });
        const sandbox = await talk.open({ life: "run", farewell: { argv, file, seconds: 3 } });
        const began = performance.now();
        await talk.child.stdin.end();
        await talk.child.exited;
        expect(performance.now() - began).toBeLessThan(20_000);
        expect([existsSync(file), await runs(sandbox)]).toEqual([false, true]);
        expect(readFileSync(`${file}.log`, "utf8")).toContain("what it printed");
      }
    },
  );

  testWithModal("a farewell is saved, and the sandbox ends, also where the SDK's wait never answers", async () => {
    const file = join(tempDir(), "farewell");
    const talk = new Talk(double, sdk);
    const sandbox = await talk.open({
      life: "run",
      farewell: { argv: ["echo", "saved"], file, seconds: 60 },
    });
    await double.fault("wait_never", { lasts: true });
    await talk.child.stdin.end();
    expect(await talk.child.exited).toBe(0);
    await double.fault("wait_never", null);
    expect([readFileSync(file, "utf8"), await runs(sandbox)]).toEqual(["saved\n", false]);
  });

  testWithModal("nothing but frames reaches its stdout, whatever the SDK prints", async () => {
    const noisy = join(tempDir(), "noisy");
    mkdirSync(noisy);
    const text =
      "import os, sys\nopen(os.environ['NOISE'], 'w').close()\nprint('noise')\nsys.stdout.flush()\nos.write(1, b'more noise\\n')\nos.system('echo noise')\n";
    writeFileSync(
      join(noisy, "cbor2.py"),
      `${text}sys.path.remove(${JSON.stringify(noisy)}); del sys.modules["cbor2"]\nimport cbor2\n`,
    );
    const made = join(noisy, "made");
    const talk = new Talk(double, sdk, { PYTHONPATH: noisy, NOISE: made });
    expect((await talk.ask("initialize", { protocol: 1, life: "session" })).result?.protocol).toBe(1);
    expect((await talk.ask("check", { online: true })).result?.problem).toBeUndefined();
    await talk.ask("shutdown", { terminate: false });
    expect(existsSync(made)).toBe(true);
    expect(talk.heard.every(({ id, method }) => id !== undefined || method !== undefined)).toBe(true);
  });
}
