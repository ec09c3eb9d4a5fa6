import { afterAll, beforeAll, expect } from "bun:test";
import type { RuntimeSession } from "../../runtimes/contract.ts";
import { type Double, startDouble } from "../doubles/daytona/server.ts";
import { failureOf, memoryNow, run } from "../support/session-run.ts";
import { doubleProblem, slowWithDouble, testWithDouble, withDoubleProcess } from "./double.ts";
import { withSession } from "./support.ts";

let double: Double;
beforeAll(() => {
  if (doubleProblem === undefined) double = startDouble();
});
afterAll(async () => {
  await double?.stop();
});

/** The command lines of every process in a session's sandbox. */
async function processesOf(session: RuntimeSession): Promise<string> {
  return (await run(session, "ps -eo args")).out;
}

testWithDouble(`codes, streams and stdin of a command are its own`, async () => {
  await withSession(double, async (session) => {
    expect(await run(session, "echo out; echo err >&2; exit 7")).toMatchObject({
      exitCode: 7,
      outcome: "exited",
      out: "out\n",
      err: "err\n",
    });
    expect(await run(session, { argv: ["cat"] })).toMatchObject({ exitCode: 0, out: "" });
    const binary = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7) % 256);
    const running = await session.executor.run({ argv: ["cat"] }, { stdin: binary });
    expect(new Uint8Array(await new Response(running.stdout).arrayBuffer())).toEqual(binary);
    expect(await run(session, { argv: ["no-such-program"] })).toMatchObject({ exitCode: 127, outcome: "exited" });
    expect(await run(session, { argv: ["/etc/passwd"] })).toMatchObject({ exitCode: 126, outcome: "exited" });
    expect(await run(session, "kill -9 $$")).toMatchObject({ exitCode: 137, outcome: "signalled" });
    expect(await run(session, "exit 137")).toMatchObject({ exitCode: 137, outcome: "exited" });
    expect(await run(session, "exit 125")).toMatchObject({ exitCode: 125, outcome: "exited" });
  });
});

testWithDouble(`a command's environment is its own and the session's, and nothing of the host's`, async () => {
  await withSession(double, async (session) => {
    process.env.GLUE_TEST_SECRET_OF_HOST = "leaked";
    const env = { A: "with, comma 'and' \"quotes\"\nand a newline", EMPTY: "", "odd-name.x": "1", OLDPWD: "/kept" };
    const { out } = await run(session, { argv: ["env"] }, { env });
    delete process.env.GLUE_TEST_SECRET_OF_HOST;
    expect(out).toContain("A=with, comma 'and' \"quotes\"\nand a newline\n");
    expect(out).toContain("EMPTY=\n");
    expect(out).toContain("odd-name.x=1\n");
    expect(out).toContain("OLDPWD=/kept\n");
    expect(out).toMatch(/^GLUE_COMMAND=/m);
    expect(out).not.toContain("leaked");
    expect(out).not.toMatch(/glue_/);
  });
});

testWithDouble(`a deadline ends the whole tree on time and keeps the output so far`, async () => {
  await withSession(double, async (session) => {
    const started = performance.now();
    const script = "echo begun; (setsid sleep 300 & ) ; sh -c 'sleep 301' & sleep 302";
    const done = await run(session, script, { timeoutMs: 400, graceMs: 500 });
    expect(done).toMatchObject({ exitCode: 124, outcome: "timeout", out: "begun\n" });
    expect(performance.now() - started).toBeLessThan(30_000);
    expect(await processesOf(session)).not.toContain("sleep 30");
  });
});

testWithDouble(`a cancelled command ends with its tree, and says so`, async () => {
  await withSession(double, async (session) => {
    const abort = new AbortController();
    const running = await session.executor.run({ script: "echo ready; sleep 300 & wait" }, { signal: abort.signal });
    const reader = running.stdout.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("ready\n");
    abort.abort();
    expect(await running.wait()).toMatchObject({ outcome: "cancelled" });
    expect(await processesOf(session)).not.toContain("sleep 300");
  });
});

testWithDouble(
  `a background child that holds stdout holds neither its own result nor that of later commands`,
  async () => {
    await withSession(double, async (session) => {
      const started = performance.now();
      expect(await run(session, "sleep 120 & echo now; exit 4")).toMatchObject({ exitCode: 4, out: "now\n" });
      expect(performance.now() - started).toBeLessThan(40_000);
      const again = performance.now();
      expect(await run(session, "echo later; exit 5")).toMatchObject({ exitCode: 5, out: "later\n" });
      expect(await session.workspace.stat("none")).toBeUndefined();
      expect(performance.now() - again).toBeLessThan(40_000);
    });
  },
);

testWithDouble(`a terminal has the size it was given, and follows a change`, async () => {
  await withSession(double, async (session) => {
    const pty = { columns: 101, rows: 33, term: "xterm-256color" };
    const script = 'stty size; echo "$TERM"; tty; read -r line; stty size; exit 9';
    let send: (text: string) => void = () => undefined;
    const stdin = new ReadableStream<Uint8Array>({
      start(controller) {
        send = (text) => controller.enqueue(Buffer.from(text));
      },
    });
    const running = await session.executor.run({ script }, { pty, stdin });
    const reader = running.stdout.getReader();
    let seen = "";
    const readUntil = async (text: string) => {
      while (!seen.includes(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`The terminal ended without ${text}: ${seen}`);
        seen += Buffer.from(value).toString();
      }
    };
    await readUntil("/dev/pts/");
    expect(seen).toStartWith("33 101\r\nxterm-256color\r\n");
    await running.resize({ columns: 120, rows: 44 });
    send("go\n");
    await readUntil("44 120");
    expect(await running.wait()).toMatchObject({ exitCode: 9, outcome: "exited" });
    expect(seen).not.toContain("\x1e");
  });
});

testWithDouble("a script of a megabyte runs, and a long argument is refused before anything is sent", async () => {
  await withSession(double, async (session) => {
    const script = `x=1\n${"# a comment that makes the script long\n".repeat(27_000)}echo "$0 $x"\n`;
    expect(script.length).toBeGreaterThan(1_000_000);
    expect(await run(session, script)).toMatchObject({ exitCode: 0, out: "sh 1\n" });
    const error = await failureOf(session.executor.run({ argv: ["echo", "x".repeat(140_000)] }));
    expect(error.code).toBe("argumentTooLong");
  });
});

testWithDouble("a folder that is missing, a file, or forbidden is told before the command starts", async () => {
  await withSession(double, async (session) => {
    for (const cwd of ["none", "/etc/passwd"]) {
      expect((await failureOf(session.executor.run({ argv: ["true"] }, { cwd }))).code).toBe("cwdInvalid");
    }
    await run(session, "mkdir -p 'a folder/with spaces'");
    expect(await run(session, { argv: ["pwd"] }, { cwd: "a folder/with spaces" })).toMatchObject({
      out: "/workspace/a folder/with spaces\n",
    });
  });
});

testWithDouble(
  "forty commands at once do not mix",
  async () => {
    await withSession(double, async (session) => {
      const numbers = Array.from({ length: 40 }, (_, index) => index);
      const results = await Promise.all(
        numbers.map((number) =>
          run(session, `for i in 1 2 3; do echo ${number}; echo ${number} >&2; done; exit ${number}`),
        ),
      );
      for (const number of numbers) {
        const text = `${number}\n`.repeat(3);
        expect(results[number]).toMatchObject({ exitCode: number, out: text, err: text });
      }
    });
  },
  120_000,
);

testWithDouble("bytes that look like glue's own marks come through", async () => {
  await withSession(double, async (session) => {
    const { out } = await run(
      session,
      "printf 'a\\036b\\036'; cat /proc/*/cmdline | tr '\\0' '\\n' | grep -c glue_x_; printf '\\036'",
    );
    expect(out).toMatch(/^a\x1eb\x1e\d+\n\x1e$/);
  });
});

slowWithDouble(
  "a gigabyte nobody reads stays in the container",
  async () => {
    await withDoubleProcess(async (own) => {
      await withSession(own, async (session) => {
        const before = memoryNow();
        const running = await session.executor.run({ script: "head -c 1000000000 /dev/zero" });
        await Bun.sleep(1_500);
        expect(memoryNow() - before).toBeLessThan(200_000_000);
        let bytes = 0;
        for await (const chunk of running.stdout) bytes += chunk.length;
        expect(bytes).toBe(1_000_000_000);
        expect(await running.wait()).toEqual({ exitCode: 0, outcome: "exited" });
      });
    });
  },
  120_000,
);

testWithDouble("a source of stdin that fails ends the command, which must not take it for the end", async () => {
  await withSession(double, async (session) => {
    let pulls = 0;
    const stdin = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++ === 0) controller.enqueue(Buffer.from("part"));
        else controller.error(new Error("the disk broke"));
      },
    });
    const running = await session.executor.run({ script: "cat; echo finished >done" }, { stdin });
    const error = await failureOf(running.wait());
    expect(error.code).toBe("ioFailed");
    expect(await session.workspace.stat("done")).toBeUndefined();
  });
});

testWithDouble("a kill and a deadline end what became root, too", async () => {
  const stubborn = (seconds: number) => `echo up; sudo -n sh -c 'trap "" TERM; sleep ${seconds}; :'`;
  await withSession(double, async (session) => {
    const running = await session.executor.run({ script: stubborn(1_007) }, { graceMs: 500 });
    await running.stdout.getReader().read();
    await running.kill();
    expect((await running.wait()).outcome).toBe("cancelled");
    const script = "echo up; sudo -n sleep 1008";
    expect(await run(session, script, { timeoutMs: 1_000, graceMs: 500 })).toMatchObject({
      exitCode: 124,
      out: "up\n",
    });
    expect(await processesOf(session)).not.toContain("sleep 100");
  });
});

testWithDouble("killAll ends every process, whatever it does, and the container lives on", async () => {
  await withSession(double, async (session) => {
    const script =
      "(trap '' TERM HUP; while :; do sleep 1000; done) >/dev/null 2>&1 & setsid sleep 1001 >/dev/null 2>&1 & sleep 1002";
    const running = await session.executor.run({ script });
    await Bun.sleep(200);
    await session.killAll();
    expect(await processesOf(session)).not.toContain("sleep 100");
    await running.wait().catch(() => undefined);
  });
});

slowWithDouble(
  "a command that keeps killing what is started does not keep killAll from its work",
  async () => {
    await withSession(double, async (session) => {
      const bomb =
        "while :; do for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p -le 20 ] || [ $p = $$ ] || kill -9 $p; done; done";
      await session.executor.run({ script: `trap '' TERM; ${bomb}` }).catch(() => undefined);
      await Bun.sleep(300);
      await session.killAll();
      expect(await run(session, "echo alive")).toMatchObject({ out: "alive\n" });
    });
  },
  90_000,
);

slowWithDouble(
  "a hundred commands take about a request each, over few connections, and none is asked for needlessly",
  async () => {
    await withSession(double, async (session) => {
      await run(session, { argv: ["true"] });
      const before = double.requests.length;
      const connections = double.connections();
      for (let index = 0; index < 100; index += 1) await run(session, { argv: ["echo", String(index)] });
      const perCommand = (double.requests.length - before) / 100;
      const opened = double.connections() - connections;
      console.log(`requests a command: ${perCommand}; connections opened for them: ${opened}`);
      expect(opened).toBeLessThanOrEqual(3);
      // A busy machine makes it two: the output, and then the end.
      expect(perCommand).toBeLessThan(2.5);
      const quiet = double.requests.length;
      expect(await run(session, "sleep 3")).toMatchObject({ exitCode: 0 });
      // One to start it, and one that waits inside until it ends.
      expect(double.requests.length - quiet).toBeLessThanOrEqual(3);
    });
  },
  120_000,
);
