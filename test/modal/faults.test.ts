import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { isGlueError } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/modal/index.ts";
import { type ModalDouble, type Sdk, testLongWithModal, testWithModal } from "./double.ts";
import { withDouble, withEachSdk } from "./each-sdk.ts";
import { contextFor, openOn as openWith, optionsFor as optionsWith, run } from "./open.ts";
import { sidecarOf } from "./user.ts";

async function failureOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (isGlueError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "none", message: "" };
}

/** Its resident memory, in bytes. */
function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

withEachSdk(faults);

function faults(sdk: Sdk): void {
  const openOn = (
    double: ModalDouble,
    set: Readonly<Record<string, string>> = {},
    kind: "process" | "open" = "process",
  ) => openWith(double, set, kind, sdk);
  const optionsFor = (double: ModalDouble, set: Readonly<Record<string, string>> = {}) => optionsWith(double, set, sdk);

  testWithModal("a worker's token that expires, a stream that is cut and odd bytes cost nothing", () =>
    withDouble(sdk, async (double) => {
      await double.shortToken();
      const session = await openOn(double);
      await double.fault("jwt");
      expect((await run(session, { argv: ["echo", "on"] })).stdout.toString()).toBe("on\n");
      await double.fault("cut", 1_000_000);
      const { stdout, exitCode } = await run(session, {
        argv: ["sh", "-c", "yes 0123456 | head -c 8000000; printf '\\377'"],
      });
      expect({ length: stdout.length, last: stdout.at(-1), exitCode }).toEqual({
        length: 8_000_001,
        last: 255,
        exitCode: 0,
      });
      expect(stdout.subarray(0, 8_000_000).equals(Buffer.from("0123456\n".repeat(1_000_000)))).toBe(true);
      await session.close();
    }),
  );

  testWithModal("a wait that never answers holds up nobody: the command's own record tells", () =>
    withDouble(sdk, async (double) => {
      const session = await openOn(double);
      await double.fault("wait_never", { lasts: true });
      const { stdout, exitCode } = await run(session, { argv: ["sh", "-c", "echo out; exit 9"] });
      expect({ out: stdout.toString(), exitCode }).toEqual({ out: "out\n", exitCode: 9 });
      // glue's own calls have no record, and ask once more.
      await session.workspace.write("file", Buffer.from("content"));
      expect(Buffer.from(await session.workspace.read("file")).toString()).toBe("content");
      await double.fault("wait_never", null);
      await session.close();
    }),
  );

  for (const [how, why] of [
    ["timeout", "lifetime"],
    ["terminated", "terminated"],
    ["idle", "idle"],
  ] as const) {
    testWithModal(`a sandbox that ends by ${how} in mid-command is told at once, and the outcome is unknown`, () =>
      withDouble(sdk, async (double) => {
        const session = await openOn(double);
        const running = await session.executor.run({ argv: ["sleep", "600"] });
        const began = performance.now();
        await double.end(how);
        const death = await session.died;
        expect(performance.now() - began).toBeLessThan(15_000);
        expect(death).toEqual({ reason: expect.stringContaining(why), final: true });
        expect((await failureOf(running.wait())).code).toBe("outcomeUnknown");
        expect(await failureOf(session.workspace.read("x"))).toEqual({
          code: "sandboxGone",
          message:
            "modal sidecar is no longer reachable (sandbox may have auto-terminated on sandbox_timeout_seconds, or the python process exited)",
        });
        await session.close();
      }),
    );
  }

  testWithModal("a sandbox whose making fails leaves nothing behind, and says why", () =>
    withDouble(sdk, async (double) => {
      const open = async (set: Record<string, string>) =>
        await failureOf(createRuntime().open(await optionsFor(double, set), contextFor()));
      expect((await open({ "modal.image": "example.test/no-such-image:1" })).code).toBe("imageNotFound");
      expect((await open({ "modal.app_name": "no spaces" })).code).toBe("optionInvalid");
      expect((await open({ "modal.secrets": "nobody-made-it" })).code).toBe("sandboxCreateFailed");
      for (const python of ["/no/such/python", "/bin/false", "/bin/cat"]) {
        expect((await open({ "modal.python_path": python })).code).toBe("runtimeNotListening");
      }
      await double.fault("quota", { lasts: true });
      expect((await open({})).code).toBe("quotaExceeded");
      await double.fault("quota", null);
      const options = await optionsFor(double);
      process.env.MODAL_TOKEN_SECRET = "as-wrong";
      expect((await failureOf(createRuntime().open(options, contextFor()))).code).toBe("authFailed");
      expect((await double.state()).sandboxes.filter(({ running }) => running)).toEqual([]);
    }),
  );

  testWithModal("an open session outlives its process's sidecar; a run's sandbox ends with it", () =>
    withDouble(sdk, async (double) => {
      const kept = await openOn(double, {}, "open");
      await run(kept, { argv: ["sh", "-c", "echo kept >kept"] });
      await kept.detach();
      const options = await optionsFor(double);
      const again = await createRuntime().attach(kept.handle, options);
      expect((await again.workspace.read("kept")).length).toBe(5);
      await again.detach();
      const runtime = createRuntime();
      expect((await runtime.listOwned(options)).map(({ handle }) => handle.id)).toEqual([kept.handle.id]);
      await runtime.release(kept.handle, options);
      await runtime.release(kept.handle, options);
      expect(await runtime.listOwned(options)).toEqual([]);
      expect((await failureOf(runtime.attach(kept.handle, options))).code).toBe("sandboxGone");
    }),
  );

  testWithModal("twenty commands at once do not wait for one another", () =>
    withDouble(sdk, async (double) => {
      const session = await openOn(double);
      // Each ends only when all of them run.
      const script = 'mkdir -p /tmp/all; : >"/tmp/all/$1"; until [ "$(ls /tmp/all | wc -l)" = 20 ]; do sleep 0.1; done';
      const argv = (n: number) => ["sh", "-c", script, "sh", String(n)] as const;
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, n) => run(session, { argv: argv(n) }, { timeoutMs: 60_000 })),
      );
      expect(all.map(({ exitCode }) => exitCode)).toEqual(Array.from({ length: 20 }, () => 0));
      const long = await session.executor.run({ argv: ["sleep", "600"] });
      await session.close();
      expect((await failureOf(long.wait())).code).toBe("outcomeUnknown");
      expect((await double.state()).sandboxes.map(({ running }) => running)).toEqual([false]);
    }),
  );

  testLongWithModal("a worker that is gone is told as unknown, and not waited for for ever", () =>
    withDouble(sdk, async (double) => {
      const session = await openOn(double);
      const running = await session.executor.run({ argv: ["sleep", "600"] });
      await double.routerDown();
      const began = performance.now();
      expect((await failureOf(running.wait())).code).toBe("outcomeUnknown");
      expect(performance.now() - began).toBeLessThan(90_000);
      expect((await double.state()).sandboxes.map((box) => box.running)).toEqual([true]);
      await session.close();
    }),
  );

  testLongWithModal("a stream that breaks off for good is said to be lost, and the status is the command's", () =>
    withDouble(sdk, async (double) => {
      const session = await openOn(double);
      await double.fault("lost_stdout", { lasts: true, from: 1_000_000 });
      const { stdout, exitCode, outputLost } = await run(session, {
        argv: ["sh", "-c", "head -c 2000000 /dev/zero; echo words >&2; exit 5"],
      });
      expect({ exitCode, outputLost }).toEqual({ exitCode: 5, outputLost: true });
      expect(stdout.length).toBeLessThanOrEqual(1_000_000);
      await double.fault("lost_stdout", null);
      expect((await run(session, { argv: ["echo", "next"] })).stdout.toString()).toBe("next\n");
      await session.close();
    }),
  );

  testWithModal("a reader that stalls stops the command, and the memory of both sides stays as it is", () =>
    withDouble(sdk, async (double) => {
      const session = await openOn(double);
      const running = await session.executor.run({
        argv: ["sh", "-c", "head -c 100000000 /dev/zero; echo over >/tmp/over"],
      });
      const reader = running.stdout.getReader();
      await reader.read();
      const pid = sidecarOf(process.pid);
      const before = memoryOf(pid) + memoryOf(process.pid);
      await Bun.sleep(2_000);
      expect(await session.workspace.stat("/tmp/over")).toBeUndefined();
      let bytes = 0;
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        bytes += value.length;
      }
      expect((await running.wait()).exitCode).toBe(0);
      expect(bytes).toBeGreaterThan(99_000_000);
      expect(memoryOf(pid) + memoryOf(process.pid) - before).toBeLessThan(60_000_000);
      expect(await session.workspace.stat("/tmp/over")).toBeDefined();
      await session.close();
    }),
  );

  testWithModal("a create whose answer is lost, a slow start and a slow place leave nothing and cost nothing", () =>
    withDouble(sdk, async (double) => {
      await double.fault("lost_create");
      // The SDK asks once more, with the same key, and gets the same sandbox.
      const first = await openOn(double);
      expect((await double.state()).sandboxes.length).toBe(1);
      await first.close();
      await double.fault("slow_create", 2);
      await double.fault("slow_task_id", 2);
      const session = await openOn(double);
      expect((await run(session, { argv: ["echo", "on"] })).stdout.toString()).toBe("on\n");
      await session.close();
      expect((await double.state()).sandboxes.filter((box) => box.running)).toEqual([]);
    }),
  );

  testWithModal("an end that the service refuses is said, and another process can end it", () =>
    withDouble(sdk, async (double) => {
      const session = await openOn(double);
      await double.fault("no_terminate", { lasts: true });
      expect((await failureOf(session.close())).code).not.toBe("none");
      await double.fault("no_terminate", null);
      const options = await optionsFor(double);
      await createRuntime().release(session.handle, options);
      expect((await double.state()).sandboxes.filter((box) => box.running)).toEqual([]);
    }),
  );

  testWithModal("an image that cannot be built is said with the builder's words", () =>
    withDouble(sdk, async (double) => {
      await double.fault("image_build", { lasts: true });
      const { code, message } = await failureOf(createRuntime().open(await optionsFor(double), contextFor()));
      expect({ code, said: message.includes("terminated due to external shut-down") }).toEqual({
        code: "imageNotFound",
        said: true,
      });
      expect((await double.state()).sandboxes).toEqual([]);
    }),
  );
}
