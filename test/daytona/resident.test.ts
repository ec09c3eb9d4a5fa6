/** Commands of a session that runs many: a process in the sandbox starts them, over one socket, and nothing but the cost is different. */
import { afterEach, beforeEach, describe, expect } from "bun:test";
import type { ByteStream, RuntimeSession } from "../../runtimes/contract.ts";
import { type Double, startDouble } from "../doubles/daytona/server.ts";
import { failureOf, run } from "../support/session-run.ts";
import { doubleProblem, testWithDouble } from "./double.ts";
import { openOn } from "./support.ts";

let double: Double;
let session: RuntimeSession;
beforeEach(async () => {
  if (doubleProblem !== undefined) return;
  double = startDouble();
  session = await openOn(double);
});
afterEach(async () => {
  await session?.close();
  await double?.stop();
});

const CONNECT = /pty\/glue-.*\/connect$/;

/** Requests that a command makes. */
async function requestsOf(command: () => Promise<unknown>): Promise<number> {
  const before = double.requests.length;
  await command();
  return double.requests.length - before;
}

/** By the parent of a command: on a busy machine one that it started may still need a request for its end. */
async function expectResident(): Promise<void> {
  expect((await run(session, "cat /proc/$PPID/comm")).out).toBe("perl\n");
}

/** Runs commands until one costs no request. */
async function untilResident(): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    if ((await requestsOf(() => run(session, { argv: ["true"] }))) === 0) return;
    await Bun.sleep(50);
  }
  throw new Error("no resident came up");
}

const SURROUNDINGS =
  "env | grep -v '^GLUE_COMMAND=\\|^_=' | sort; pwd; umask; ulimit -n; grep '^Sig[BI]' /proc/self/status; tty; id; true </dev/tty";
const OPTIONS = { env: { A: "1 2", "not-a-name": "x" }, cwd: "/tmp" };

testWithDouble(
  "a command finds the same by a request and without: variables, folder, mask, signals, no terminal",
  async () => {
    const asked = await run(session, SURROUNDINGS, OPTIONS);
    await untilResident();
    const before = double.requests.length;
    expect(await run(session, SURROUNDINGS, OPTIONS)).toEqual(asked);
    expect(double.requests.length).toBe(before);
  },
);

testWithDouble("a variable's value is on no command line, whoever starts the command", async () => {
  const lines = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '";
  const look = async () => (await run(session, lines, { env: { TOKEN: "hush-hush" } })).out;
  const asked = await look();
  expect(asked).toContain("resident.pl");
  await untilResident();
  for (const seen of [asked, await look()]) expect(seen).not.toContain("hush-hush");
});

const ENDINGS = [
  ["a status", { script: "exit 7" }, { exitCode: 7, outcome: "exited", out: "", err: "" }],
  ["a signal", { script: "kill -9 $$" }, { exitCode: 137, outcome: "signalled" }],
  ["a status that looks like a signal", { script: "exit 137" }, { exitCode: 137, outcome: "exited" }],
  ["no such program", { argv: ["no-such-program"] }, { exitCode: 127, outcome: "exited", out: "" }],
  ["a program that cannot be run", { argv: ["/etc/passwd"] }, { exitCode: 126, outcome: "exited", out: "" }],
] as const;
testWithDouble("ends and errors are told as they are by a request", async () => {
  const asked = [];
  for (const [, command] of ENDINGS.slice(0, 3)) asked.push(await run(session, command));
  await untilResident();
  for (const [index, [, command, expected]] of ENDINGS.entries()) {
    const ran = await run(session, command);
    expect(ran).toMatchObject(expected);
    if (asked[index] !== undefined) expect(ran).toEqual(asked[index]);
  }
  expect((await failureOf(run(session, "true", { cwd: "/nowhere" }))).code).toBe("cwdInvalid");
  await expectResident();
});

testWithDouble("bytes of every kind and size come whole, with input and without", async () => {
  await untilResident();
  const bytes = crypto.getRandomValues(new Uint8Array(20_000));
  for (const size of [0, 1, 4_095, 4_097, 15_000]) {
    const running = await session.executor.run({ script: "tee /dev/stderr" }, { stdin: bytes.subarray(0, size) });
    const bytesOf = async (stream: ByteStream) => new Uint8Array(await new Response(stream).arrayBuffer());
    const [out, err] = await Promise.all([bytesOf(running.stdout), bytesOf(running.stderr)]);
    expect(await running.wait()).toEqual({ exitCode: 0, outcome: "exited" });
    expect([Buffer.compare(out, bytes.subarray(0, size)), Buffer.compare(err, bytes.subarray(0, size))]).toEqual([
      0, 0,
    ]);
  }
  const { out } = await run(session, "seq 1 1500000");
  expect(out.length).toBe(10_888_896);
  expect(out.endsWith("\n1499999\n1500000\n")).toBe(true);
});

testWithDouble("a deadline, a kill and a child in the background are kept to", async () => {
  await untilResident();
  expect(await run(session, "echo begun; sleep 30", { timeoutMs: 300 })).toMatchObject({
    ...{ exitCode: 124, outcome: "timeout", out: "begun\n" },
  });
  const running = await session.executor.run({ script: "echo begun; sleep 1003" });
  await running.kill();
  expect(await running.wait()).toMatchObject({ outcome: "cancelled" });
  expect((await run(session, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).out).not.toContain("sleep 100");
  const began = performance.now();
  expect(await run(session, "sleep 60 & echo done")).toMatchObject({ exitCode: 0, out: "done\n" });
  expect(performance.now() - began).toBeLessThan(30_000);
});

testWithDouble("killAll ends what it started, what was printed is whole, and the session goes on", async () => {
  await untilResident();
  const running = await session.executor.run({ script: "seq 1 100000; sleep 1004" });
  const text = new Response(running.stdout).text();
  await Bun.sleep(500);
  await session.killAll();
  // Its shell may see its child end before the signal reaches itself.
  expect([143, 137]).toContain((await running.wait()).exitCode);
  expect((await text).length).toBe(588_895);
  const { out } = await run(session, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '");
  expect(out).not.toContain("sleep 100");
  await untilResident();
});

testWithDouble("a hundred commands at once, each with its own output", async () => {
  await untilResident();
  const all = Array.from({ length: 100 }, (_, index) => run(session, { argv: ["echo", String(index)] }));
  expect((await Promise.all(all)).map(({ out }) => out)).toEqual(Array.from(all, (_, index) => `${index}\n`));
});

describe("whatever becomes of the socket, a command runs once and its output is whole", () => {
  const once = { script: "echo run >>/tmp/once; cat /tmp/once; echo wrong >&2; rm /tmp/once; exit 3" };
  const expected = { out: "run\n", err: "wrong\n", exitCode: 3, outcome: "exited" } as const;
  for (const [what, fault] of [
    ["cut in the middle of an answer (1006)", { act: "cut", bytes: 700 }],
    ["cut in the middle of an answer (1011)", { act: "cut-1011", bytes: 900 }],
    ["torn into single bytes", { act: "split" }],
    ["never closed by the service", { act: "never-close" }],
  ] as const) {
    testWithDouble(`it is ${what}`, async () => {
      double.faults.add({ on: CONNECT, ...fault });
      for (let count = 0; count < 25; count += 1) {
        expect(await run(session, once)).toEqual(expected);
        await Bun.sleep(10);
      }
    });
  }

  testWithDouble("it is refused", async () => {
    double.faults.add({ on: /process\/pty$/, act: 500 });
    for (let count = 0; count < 10; count += 1) expect(await run(session, once)).toEqual(expected);
  });

  testWithDouble(
    "the resident is killed by what it runs: that outcome is unknown, and the next command runs",
    async () => {
      await untilResident();
      const error = await failureOf(run(session, "echo before; kill -9 $PPID; sleep 2"));
      expect(error.code).toBe("outcomeUnknown");
      expect(await run(session, once)).toEqual(expected);
    },
  );
});

testWithDouble("what starts a command by a request is killed by it: that outcome is unknown, and soon", async () => {
  const began = performance.now();
  const error = await failureOf(run(session, "kill -9 $PPID; sleep 2"));
  expect(error.code).toBe("outcomeUnknown");
  // Not as late as a question is answered that waits for news.
  expect(performance.now() - began).toBeLessThan(10_000);
  expect((await run(session, "echo next")).out).toBe("next\n");
});

testWithDouble(
  "one that is lost again and again holds nobody up: ten commands at once run all the same",
  async () => {
    for (let count = 0; count < 3; count += 1) {
      // Whether there is one yet or not: what started the command is killed.
      for (let tries = 0; tries < 20; tries += 1) await run(session, { argv: ["true"] });
      await failureOf(run(session, "kill -9 $PPID; sleep 2"));
    }
    for (let count = 0; count < 6; count += 1) await run(session, { argv: ["true"] });
    const began = performance.now();
    const requests = await requestsOf(async () => {
      const all = Array.from({ length: 10 }, (_, index) => run(session, `sleep 0.2; echo ${index}`));
      expect((await Promise.all(all)).map(({ out }) => out)).toEqual(Array.from(all, (_, index) => `${index}\n`));
    });
    expect(requests).toBeLessThanOrEqual(20);
    // All at the same time, however busy the machine.
    expect(performance.now() - began).toBeLessThan(10_000);
  },
  120_000,
);

testWithDouble(
  "one whose socket is cut after it has lasted is followed by another, however often",
  async () => {
    const MANY = 5;
    for (let round = 0; round < MANY; round += 1) {
      double.faults.clear();
      await untilResident();
      for (let count = 0; count < 21; count += 1) await run(session, { argv: ["true"] });
      await failureOf(run(session, "kill -9 $PPID; sleep 2"));
    }
    await untilResident();
  },
  120_000,
);

testWithDouble(
  "a command outlives the session's letting go, and its output can be read from its file to the end",
  async () => {
    await untilResident();
    await session.executor.run({ script: "sleep 0.5; seq 1 20000; echo end >/tmp/ended" });
    await session.detach();
    await Bun.sleep(1_500);
    session = await openOn(double);
    const [first] = double.sandboxes();
    expect(await Bun.file(`${first?.rootFolder}/tmp/ended`).text()).toBe("end\n");
  },
);

testWithDouble(
  "a sandbox without perl has none: a command costs one request, and finds the same as elsewhere",
  async () => {
    const bare = startDouble({ lacks: ["perl"] });
    const its = await openOn(bare);
    expect(await run(its, SURROUNDINGS, OPTIONS)).toEqual(await run(session, SURROUNDINGS, OPTIONS));
    for (const [, command, expected] of ENDINGS) {
      for (const where of [its, session]) expect(await run(where, command)).toMatchObject(expected);
    }
    const before = bare.requests.length;
    for (let count = 0; count < 6; count += 1) expect((await run(its, "echo x; echo y >&2")).out).toBe("x\n");
    expect(bare.requests.length - before).toBeLessThanOrEqual(8);
    await its.close();
    await bare.stop();
  },
);
