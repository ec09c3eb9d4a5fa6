/** What goes wrong on the way to a sandbox, and what of it reaches the user: the table in docs/daytona.md is what is shown here. */
import { afterAll, beforeAll, beforeEach, describe, expect } from "bun:test";
import { isGlueError, type RuntimeSession } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/daytona/index.ts";
import { type Double, type DoubleOptions, startDouble } from "../doubles/daytona/server.ts";
import { run } from "../support/session-run.ts";
import { doubleProblem, slowWithDouble, testWithDouble } from "./double.ts";
import { contextFor, openOn, optionsFor } from "./support.ts";

const EXECUTE = /process\/execute$/;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return isGlueError(error) ? error.code : String(error);
  }
}

async function withDouble(options: DoubleOptions, body: (double: Double) => Promise<void>): Promise<void> {
  const double = startDouble(options);
  try {
    await body(double);
  } finally {
    await double.stop();
  }
}

describe("a session that runs", () => {
  let double: Double;
  let session: RuntimeSession;
  beforeAll(async () => {
    if (doubleProblem !== undefined) return;
    // With perl a session soon needs no requests that could fail: resident.test.ts is about that.
    double = startDouble({ lacks: ["perl"] });
    session = await openOn(double);
  });
  beforeEach(() => double?.faults.clear());
  afterAll(async () => {
    await session?.close();
    await double?.stop();
  });

  const once = { script: "echo run >>/tmp/once; cat /tmp/once; echo wrong >&2; rm /tmp/once; exit 3" };
  const expected = { out: "run\n", err: "wrong\n", exitCode: 3, outcome: "exited" } as const;

  const BENIGN = [
    ["the answer to a start is lost", { on: EXECUTE, act: "lose", times: 1 }],
    ["the answer to a start is cut in the middle", { on: EXECUTE, act: "cut", bytes: 40, times: 2 }],
    ["the toolbox answers 500 once", { on: EXECUTE, act: 500, times: 1 }],
    ["a load balancer answers 502 five times", { on: EXECUTE, act: 502, times: 5, body: "<html>Bad Gateway</html>" }],
    ["there are too many requests", { on: EXECUTE, act: 429, times: 1, headers: { "Retry-After-authenticated": "1" } }],
    ["the proxy answers 400 in a transition", { on: EXECUTE, act: 400, times: 2 }],
  ] as const;
  for (const [what, fault] of BENIGN) {
    testWithDouble(`${what}: the command runs once, its output is whole`, async () => {
      double.faults.add(fault);
      expect(await run(session, once)).toEqual(expected);
    });
  }

  testWithDouble("connections are cut all along a stream: not a byte is missing or doubled", async () => {
    double.faults.add({ on: EXECUTE, act: "cut", bytes: 30, skip: 1, times: 3 });
    double.faults.add({ on: /files\/download$/, act: "cut", bytes: 100_000, times: 3 });
    const { out, exitCode } = await run(session, { script: "seq 1 300000" });
    expect(exitCode).toBe(0);
    const lines = out.trimEnd().split("\n");
    expect(lines.length).toBe(300_000);
    expect(lines.every((line, index) => line === String(index + 1))).toBe(true);
  });

  testWithDouble("a file is downloaded whole over cut connections", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const big = Buffer.concat(Array.from({ length: 40 }, () => bytes));
    await session.workspace.write("big", big);
    double.faults.add({ on: /files\/download$/, act: "cut", bytes: 700_000, times: 3 });
    const parts: Uint8Array[] = [];
    for await (const part of await session.workspace.download("big")) parts.push(part);
    expect(Buffer.concat(parts).equals(big)).toBe(true);
  });

  testWithDouble("an upload is repeated after a lost answer and is whole", async () => {
    double.faults.add({ on: /bulk-upload$/, act: "lose", times: 1 });
    double.faults.add({ on: EXECUTE, act: "lose", times: 1 });
    const bytes = new Uint8Array(300_000).fill(7);
    await session.workspace.write("uploaded", bytes);
    expect(Buffer.from(await session.workspace.read("uploaded")).equals(Buffer.from(bytes))).toBe(true);
  });

  testWithDouble("input arrives once although its calls are answered twice", async () => {
    double.faults.add({ on: EXECUTE, act: "lose", skip: 1, times: 2 });
    const input = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (const word of ["one\n", "two\n", "three\n"]) {
          await Bun.sleep(60);
          controller.enqueue(new TextEncoder().encode(word));
        }
        controller.close();
      },
    });
    expect((await run(session, { argv: ["cat"] }, { stdin: input })).out).toBe("one\ntwo\nthree\n");
  });

  const PTY = { pty: { columns: 80, rows: 24, term: "xterm" } };
  testWithDouble("the socket of a terminal never closes: the result comes all the same", async () => {
    double.faults.add({ on: /pty\/.*\/connect$/, act: "never-close" });
    const { out, exitCode } = await run(session, { script: "echo here; exit 4" }, PTY);
    expect({ exitCode, text: out }).toEqual({ exitCode: 4, text: "here\r\n" });
  });

  for (const [name, act] of [
    ["1006", "cut"],
    ["1011", "cut-1011"],
  ] as const) {
    testWithDouble(
      `the socket of a terminal is cut (${name}): the exit code is true, lost output is told`,
      async () => {
        double.faults.add({ on: /pty\/.*\/connect$/, act, bytes: 3_000 });
        const result = await run(session, { script: "seq 1 5000; sleep 0.3; exit 6" }, PTY);
        expect(result).toMatchObject({ exitCode: 6, outcome: "exited", outputLost: true });
      },
    );
  }

  testWithDouble("a terminal's output arrives byte by byte", async () => {
    double.faults.add({ on: /pty\/.*\/connect$/, act: "split" });
    expect((await run(session, { script: "printf '\\303\\251\\001\\001\\001x'" }, PTY)).out).toBe(
      "\u00e9\x01\x01\x01x",
    );
  });

  testWithDouble("a wrong key stops at once", async () => {
    double.faults.add({ on: EXECUTE, act: 401 });
    const before = double.requests.length;
    expect(await codeOf(session.executor.run({ argv: ["true"] }))).toBe("authFailed");
    expect(double.requests.length - before).toBe(1);
  });
});

slowWithDouble("creating is slow, and the service says a state that nobody knows", () =>
  withDouble({ changeMs: 1_500 }, async (double) => {
    const opening = openOn(double);
    await Bun.sleep(300);
    const [sandbox] = double.sandboxes();
    if (sandbox !== undefined) sandbox.pretend = "warming_up";
    await Bun.sleep(1_700);
    if (sandbox !== undefined) sandbox.pretend = undefined;
    const session = await opening;
    expect((await run(session, { argv: ["echo", "up"] })).out).toBe("up\n");
    await session.close();
  }),
);

for (const [what, fault] of [
  [
    "the service says that the start failed, although the sandbox exists",
    { on: /POST \/api\/sandbox$/, act: "exists", times: 1 },
  ],
  ["the answer to the create is lost", { on: /POST \/api\/sandbox$/, act: "lose", times: 1 }],
] as const) {
  testWithDouble(`${what}: it is found by its name and adopted`, () =>
    withDouble({}, async (double) => {
      double.faults.add(fault);
      const session = await openOn(double);
      expect(double.sandboxes().map(({ id }) => String(id))).toEqual([String(session.handle.id)]);
      await session.close();
      await Bun.sleep(200);
      expect(double.sandboxes()).toEqual([]);
    }),
  );
}

slowWithDouble(
  "the create is answered 500 and nothing was made: an error, and nothing is left",
  () =>
    withDouble({}, async (double) => {
      double.faults.add({ on: /POST \/api\/sandbox$/, act: 500 });
      expect(await codeOf(openOn(double))).toBe("runtimeUnreachable");
      expect(double.sandboxes()).toEqual([]);
    }),
  120_000,
);

for (const [status, body, code] of [
  [401, undefined, "authFailed"],
  [403, undefined, "authFailed"],
  [400, '{"message":"Total CPU limit exceeded. Maximum allowed: 10."}', "quotaExceeded"],
  [403, '{"message":"Organization is suspended"}', "quotaExceeded"],
  [400, '{"message":["target must be a string"]}', "sandboxCreateFailed"],
] as const) {
  testWithDouble(`the create is refused with ${status} ${body ?? ""}: ${code}, not repeated`, () =>
    withDouble({}, async (double) => {
      double.faults.add({ on: /POST \/api\/sandbox$/, act: status, ...(body === undefined ? {} : { body }) });
      expect(await codeOf(openOn(double))).toBe(code);
      expect(double.requests.filter((request) => request === "POST /api/sandbox")).toHaveLength(1);
      expect(double.sandboxes()).toEqual([]);
    }),
  );
}

slowWithDouble("an interrupt while the sandbox starts leaves nothing", () =>
  withDouble({ changeMs: 800 }, async (double) => {
    const controller = new AbortController();
    const opening = createRuntime().open(await optionsFor(double), contextFor(controller.signal));
    await Bun.sleep(200);
    controller.abort();
    expect(await codeOf(opening)).toBe("cancelled");
    await Bun.sleep(1_200);
    expect(double.sandboxes()).toEqual([]);
  }),
);

testWithDouble(
  "the sandbox is deleted in the middle of a command: its outcome is unknown, and the session is dead",
  () =>
    withDouble({}, async (double) => {
      const session = await openOn(double);
      const running = await session.executor.run({ script: "echo before; sleep 30" });
      const text = new Response(running.stdout)
        .text()
        .catch((error: unknown) => (isGlueError(error) ? error.code : "?"));
      await Bun.sleep(700);
      double.find(session.handle.name)?.destroy();
      expect(await codeOf(running.wait())).toBe("outcomeUnknown");
      expect((await session.died).final).toBe(true);
      expect(await text).toBe("sandboxGone");
      expect(await codeOf(session.executor.run({ argv: ["true"] }))).toBe("sandboxGone");
      expect(await codeOf(session.workspace.read("x"))).toBe("sandboxGone");
      await session.close();
    }),
);

slowWithDouble("a sandbox that was idle for too long is stopped, and comes back with its files", () =>
  withDouble({ minuteMs: 200 }, async (double) => {
    const options = await optionsFor(double, { "daytona.auto_stop_minutes": "5" });
    const runtime = createRuntime();
    const session = await runtime.open(options, contextFor());
    await session.workspace.write("kept", new TextEncoder().encode("still here"));
    await session.detach();
    for (let waited = 0; double.find(session.handle.name)?.state !== "stopped" && waited < 10_000; waited += 50)
      await Bun.sleep(50);
    expect(double.find(session.handle.name)?.state).toBe("stopped");
    const again = await runtime.attach(session.handle, options);
    expect(Buffer.from(await again.workspace.read("kept")).toString()).toBe("still here");
    await again.close();
  }),
);

slowWithDouble("a command that runs keeps its sandbox from being stopped", () =>
  withDouble({ minuteMs: 100 }, async (double) => {
    const session = await openOn(double, { "daytona.auto_stop_minutes": "5" });
    expect(await run(session, { script: "sleep 2; echo done" })).toMatchObject({ exitCode: 0 });
    await session.close();
  }),
);

testWithDouble("a delete that is denied stops the sandbox and says so", () =>
  withDouble({}, async (double) => {
    const session = await openOn(double);
    double.faults.add({ on: /DELETE \/api\/sandbox/, act: 403 });
    expect(await codeOf(session.close())).toBe("authFailed");
    await Bun.sleep(200);
    expect(double.sandboxes().map(({ state }) => state)).toEqual(["stopped"]);
  }),
);

slowWithDouble("a delete that meets a change of state is repeated", () =>
  withDouble({}, async (double) => {
    const session = await openOn(double);
    double.faults.add({ on: /DELETE \/api\/sandbox/, act: 409, times: 2 });
    await session.close();
    await Bun.sleep(200);
    expect(double.sandboxes()).toEqual([]);
  }),
);

testWithDouble("delete_on_close: false leaves the sandbox stopped", () =>
  withDouble({}, async (double) => {
    const session = await openOn(double, { "daytona.delete_on_close": "false" });
    await session.close();
    await Bun.sleep(200);
    expect(double.sandboxes().map(({ state }) => state)).toEqual(["stopped"]);
  }),
);

slowWithDouble(
  "a sandbox that runs and answers nothing is told as such",
  () =>
    withDouble({}, async (double) => {
      const session = await openOn(double);
      double.faults.add({ on: EXECUTE, act: 502 });
      expect(await codeOf(session.executor.run({ argv: ["true"] }))).toBe("runtimeUnreachable");
      await session.close();
    }),
  120_000,
);
