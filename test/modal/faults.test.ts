import { expect } from "bun:test";
import { isGlueError } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/modal/index.ts";
import { ModalDouble, testWithModal } from "./double.ts";
import { contextFor, openOn, optionsFor, run } from "./open.ts";

/** A double for one test. */
async function withDouble(use: (double: ModalDouble) => Promise<void>): Promise<void> {
  const double = await ModalDouble.start();
  try {
    await use(double);
  } finally {
    await double.stop();
  }
}

async function failureOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (isGlueError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "none", message: "" };
}

testWithModal("a worker's token that expires, a stream that is cut and odd bytes cost nothing", () =>
  withDouble(async (double) => {
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
  withDouble(async (double) => {
    const session = await openOn(double);
    await double.fault("wait_never", { lasts: true });
    const { stdout, exitCode } = await run(session, { argv: ["sh", "-c", "echo out; exit 9"] });
    expect({ out: stdout.toString(), exitCode }).toEqual({ out: "out\n", exitCode: 9 });
    await double.fault("wait_never", null);
    await session.close();
  }),
);

for (const [how, why] of [
  ["timeout", "lifetime"],
  ["terminated", "terminated"],
] as const) {
  testWithModal(`a sandbox that ends by ${how} in mid-command is told at once, and the outcome is unknown`, () =>
    withDouble(async (double) => {
      const session = await openOn(double);
      const running = await session.executor.run({ argv: ["sleep", "600"] });
      await double.end(how);
      const death = await session.died;
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
  withDouble(async (double) => {
    const open = async (set: Record<string, string>) =>
      await failureOf(createRuntime().open(await optionsFor(double, set), contextFor()));
    expect((await open({ "modal.image": "example.test/no-such-image:1" })).code).toBe("imageNotFound");
    expect((await open({ "modal.app_name": "no spaces" })).code).toBe("optionInvalid");
    expect((await open({ "modal.secrets": "nobody-made-it" })).code).toBe("sandboxCreateFailed");
    expect((await open({ "modal.python_path": "/no/such/python" })).code).toBe("runtimeNotListening");
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
  withDouble(async (double) => {
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
  withDouble(async (double) => {
    const session = await openOn(double);
    const began = performance.now();
    await Promise.all(Array.from({ length: 20 }, () => run(session, { argv: ["sleep", "3"] })));
    expect(performance.now() - began).toBeLessThan(30_000);
    const long = await session.executor.run({ argv: ["sleep", "600"] });
    await session.close();
    expect((await failureOf(long.wait())).code).toBe("outcomeUnknown");
    expect((await double.state()).sandboxes.map(({ running }) => running)).toEqual([false]);
  }),
);
