import { expect, setDefaultTimeout } from "bun:test";
import type { RuntimeSession } from "../../runtimes/contract.ts";
import { IMAGES, type Need, testNeeding } from "../support/needs.ts";
import { failureOf, memoryNow, run } from "../support/session-run.ts";
import { docker, withSession } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

/** The command lines of every process in a session's container. */
function processesOf(session: RuntimeSession): string {
  return docker("top", session.handle.name, "-eo", "pid,args").out;
}

const SHELLS = [
  ["debian", "image:debian-git", IMAGES["debian-git"]],
  ["busybox", "image:busybox", IMAGES.busybox],
] as const satisfies readonly (readonly [string, Need, string])[];

for (const [name, need, image] of SHELLS) {
  const opening = { options: { "docker.image": image } };

  testNeeding([need], `${name}: codes, streams and stdin of a command are its own`, async () => {
    await withSession(opening, async (session) => {
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

  testNeeding(
    [need],
    `${name}: a command's environment is its own and the session's, and nothing of the host's`,
    async () => {
      await withSession(opening, async (session) => {
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
    },
  );

  testNeeding([need], `${name}: a deadline ends the whole tree on time and keeps the output so far`, async () => {
    await withSession(opening, async (session) => {
      const started = performance.now();
      const script = "echo begun; (setsid sleep 300 & ) ; sh -c 'sleep 301' & sleep 302";
      const done = await run(session, script, { timeoutMs: 400, graceMs: 500 });
      expect(done).toMatchObject({ exitCode: 124, outcome: "timeout", out: "begun\n" });
      expect(performance.now() - started).toBeLessThan(30_000);
      expect(processesOf(session)).not.toContain("sleep 30");
    });
  });

  testNeeding([need], `${name}: a cancelled command ends with its tree, and says so`, async () => {
    await withSession(opening, async (session) => {
      const abort = new AbortController();
      const running = await session.executor.run({ script: "echo ready; sleep 300 & wait" }, { signal: abort.signal });
      const reader = running.stdout.getReader();
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("ready\n");
      abort.abort();
      expect(await running.wait()).toMatchObject({ outcome: "cancelled" });
      expect(processesOf(session)).not.toContain("sleep 300");
    });
  });

  testNeeding(
    [need],
    `${name}: a launcher that was killed while a background child holds the output leaves the outcome unknown, not open`,
    async () => {
      await withSession(opening, async (session) => {
        const running = await session.executor.run({ script: "sleep 300 & echo begun; sleep 300" });
        const reader = running.stdout.getReader();
        await reader.read();
        const spool = "/var/lib/glue/spool";
        const pid = `read -r pid start sid sidstart launcher rest <${spool}/${running.id}.pid; kill -9 $launcher`;
        docker("exec", session.handle.name, "sh", "-c", pid);
        const began = performance.now();
        expect((await failureOf(running.wait())).code).toBe("outcomeUnknown");
        expect(performance.now() - began).toBeLessThan(15_000);
        await running.kill();
        expect(processesOf(session)).not.toContain("sleep 300");
      });
    },
  );

  testNeeding(
    [need],
    `${name}: a background child that holds stdout holds neither its own result nor that of later commands`,
    async () => {
      await withSession(opening, async (session) => {
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

  testNeeding([need], `${name}: a terminal has the size it was given, and follows a change`, async () => {
    await withSession(opening, async (session) => {
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
}

testNeeding(
  ["image:debian-git"],
  "a script of a megabyte runs, and a long argument is refused before anything is sent",
  async () => {
    await withSession({}, async (session) => {
      const script = `x=1\n${"# a comment that makes the script long\n".repeat(27_000)}echo "$0 $x"\n`;
      expect(script.length).toBeGreaterThan(1_000_000);
      expect(await run(session, script)).toMatchObject({ exitCode: 0, out: "sh 1\n" });
      const error = await failureOf(session.executor.run({ argv: ["echo", "x".repeat(140_000)] }));
      expect(error.code).toBe("argumentTooLong");
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "a folder that is missing, a file, or forbidden is told before the command starts",
  async () => {
    await withSession({}, async (session) => {
      for (const cwd of ["none", "/etc/passwd"]) {
        expect((await failureOf(session.executor.run({ argv: ["true"] }, { cwd }))).code).toBe("cwdInvalid");
      }
      await run(session, "mkdir -p 'a folder/with spaces'");
      expect(await run(session, { argv: ["pwd"] }, { cwd: "a folder/with spaces" })).toMatchObject({
        out: "/workspace/a folder/with spaces\n",
      });
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "forty commands at once do not mix",
  async () => {
    await withSession({}, async (session) => {
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

testNeeding(["image:debian-git"], "bytes that look like glue's own marks come through", async () => {
  await withSession({}, async (session) => {
    const { out } = await run(
      session,
      "printf 'a\\036b\\036'; cat /proc/*/cmdline | tr '\\0' '\\n' | grep -c glue_x_; printf '\\036'",
    );
    expect(out).toMatch(/^a\x1eb\x1e\d+\n\x1e$/);
  });
});

testNeeding(
  ["image:debian-git"],
  "a gigabyte nobody reads stays in the container",
  async () => {
    await withSession({}, async (session) => {
      const before = memoryNow();
      const running = await session.executor.run({ script: "head -c 1000000000 /dev/zero" });
      await Bun.sleep(1_500);
      expect(memoryNow() - before).toBeLessThan(200_000_000);
      let bytes = 0;
      for await (const chunk of running.stdout) bytes += chunk.length;
      expect(bytes).toBe(1_000_000_000);
      expect(await running.wait()).toEqual({ exitCode: 0, outcome: "exited" });
    });
  },
  120_000,
);

testNeeding(
  ["image:debian-git"],
  "a source of stdin that fails ends the command, which must not take it for the end",
  async () => {
    await withSession({}, async (session) => {
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
  },
);

testNeeding(
  ["image:debian-git"],
  "killAll ends every process, whatever it does, and the container lives on",
  async () => {
    await withSession({ options: { kill_grace_seconds: 1 } }, async (session) => {
      const script =
        "(trap '' TERM HUP; while :; do sleep 1000; done) >/dev/null 2>&1 & setsid sleep 1001 >/dev/null 2>&1 & sleep 1002";
      const running = await session.executor.run({ script });
      await Bun.sleep(200);
      await session.killAll();
      expect(processesOf(session)).not.toContain("sleep 100");
      await running.wait().catch(() => undefined);
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "a command that keeps killing what is started does not keep killAll from its work",
  async () => {
    await withSession({ options: { kill_grace_seconds: 1 } }, async (session) => {
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
