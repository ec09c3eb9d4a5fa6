/** What goes wrong with a service that is far away, one thing at a time. The table in docs/sprites.md says the same in words. */
import { describe, expect } from "bun:test";
import { isGlueError } from "../../runtimes/contract.ts";
import type { Fault } from "../doubles/sprite/faults.ts";
import { slowWithDouble, testWithDouble } from "./double.ts";
import { run, withDouble } from "./open.ts";

/** Only calls that carry a command of the user's. */
const COMMANDS = /run\.sh/;

describe("opening", () => {
  const refused: readonly [title: string, fault: Fault, code: string, said: RegExp][] = [
    ["nobody is logged in", { act: "logged-out" }, "authFailed", /no organizations configured/],
    ["the account is full", { act: "capacity" }, "quotaExceeded", /Maximum concurrent sprites/],
    ["the answer to the create is lost", { act: "lost-create", times: 1 }, "runtimeUnreachable", /502/],
  ];
  for (const [title, fault, code, said] of refused) {
    testWithDouble(`${title}: it is refused and nothing stays behind`, async () => {
      await withDouble(async ({ double, open }) => {
        double.faults.add(fault);
        await expect(open()).rejects.toMatchObject({ code, message: expect.stringMatching(said) });
        expect(double.sprites()).toEqual([]);
      });
    });
  }

  const waited: readonly [title: string, fault: Fault][] = [
    ["a new sprite answers 502 for a while", { act: "handshake", status: 502, times: 3 }],
    ["the sprite is still starting", { act: "asleep", times: 3 }],
    ["the answer of the set-up is cut off", { act: "cut", bytes: 10, times: 1 }],
    ["the set-up ends without an exit frame", { act: "no-exit", times: 1 }],
  ];
  for (const [title, fault] of waited) {
    // One of a kind always, the others where there is time.
    const register = fault.act === "cut" ? testWithDouble : slowWithDouble;
    register(`${title}: it is waited for`, async () => {
      await withDouble(async ({ double, open }) => {
        double.faults.add(fault);
        const session = await open();
        expect((await run(session, "echo ready")).out.toString()).toBe("ready\n");
        await session.close();
        expect(double.sprites()).toEqual([]);
      });
    });
  }

  testWithDouble("an interrupt leaves no sprite behind", async () => {
    await withDouble(async ({ double, runtime, options, context }) => {
      const stop = new AbortController();
      double.faults.add({ act: "handshake", status: 502, times: 50 });
      setTimeout(() => stop.abort(), 500);
      await expect(runtime.open(options, { ...context, signal: stop.signal })).rejects.toMatchObject({
        code: "cancelled",
      });
      expect(double.sprites()).toEqual([]);
    });
  });
});

describe("a command", () => {
  const whole: readonly [title: string, fault: Fault][] = [
    ["stdout is lost from 512 KB on, with exit 0", { act: "lose-stdout", bytes: 524_288, times: 1, on: COMMANDS }],
    ["the connection ends in the middle", { act: "cut", bytes: 70_000, times: 1, on: COMMANDS }],
    ["the connection ends at once", { act: "cut", bytes: 0, times: 1, on: COMMANDS }],
    ["there is no exit frame", { act: "no-exit", times: 1, on: COMMANDS }],
    ["the handshake is refused", { act: "handshake", status: 503, times: 3, on: COMMANDS }],
    ["what it is to do is cut off on its way", { act: "lose-stdin", bytes: 100, times: 1, on: COMMANDS }],
    ["the output is late", { act: "delay", ms: 800, times: 1, on: COMMANDS }],
  ];
  for (const [title, fault] of whole) {
    const register = fault.bytes === 524_288 || fault.bytes === 70_000 ? testWithDouble : slowWithDouble;
    register(`${title}: it runs once, its output is whole and its exit code true`, async () => {
      await withDouble(async ({ double, open }) => {
        const session = await open();
        double.faults.add(fault);
        const script =
          "echo ran >>/tmp/runs; head -c 2000000 /dev/urandom | tee /tmp/all; sha256sum </tmp/all >&2; exit 7";
        const ended = await run(session, script);
        expect([ended.exitCode, ended.outcome, ended.outputLost]).toEqual([7, "exited", false]);
        expect(new Bun.CryptoHasher("sha256").update(ended.out).digest("hex")).toBe(ended.err.slice(0, 64));
        expect((await run(session, "cat /tmp/runs")).out.toString()).toBe("ran\n");
      });
    });
  }

  const late: readonly [title: string, spoil: string, bytes: number | "fails"][] = [
    ["the rest is fetched when it gets there", "true", 3_000_000],
    ["where the rest is gone, its stream fails rather than ends", "rm ~/.glue-sandbox/spool/*.out", "fails"],
  ];
  for (const [title, spoil, bytes] of late) {
    testWithDouble(`stdout is lost while its reader takes its time: ${title}`, async () => {
      await withDouble(async ({ double, open }) => {
        const session = await open();
        double.faults.add({ act: "lose-stdout", bytes: 524_288, times: 1, on: COMMANDS });
        const running = await session.executor.run({ script: "head -c 3000000 /dev/zero; exit 4" });
        // Nobody reads yet: the result comes all the same.
        expect((await running.wait()).exitCode).toBe(4);
        await double.sprites()[0]?.tool(["sh", "-c", spoil], { user: "sprite" });
        const got = await new Response(running.stdout).arrayBuffer().then(
          ({ byteLength }) => byteLength,
          (error: unknown) => (isGlueError(error, "transferFailed") ? "fails" : error),
        );
        expect(got).toBe(bytes);
        expect((await run(session, "echo next")).out.toString()).toBe("next\n");
      });
    });
  }

  testWithDouble(
    "stdout is lost in the middle, with exit 0: that is said, since what follows is passed on already",
    async () => {
      await withDouble(async ({ double, open }) => {
        const session = await open();
        double.faults.add({ act: "lose-stdout", bytes: 600_000, upTo: 700_000, times: 1, on: COMMANDS });
        const ended = await run(session, "head -c 2000000 /dev/urandom; exit 6");
        expect([ended.exitCode, ended.outputLost, ended.out.length]).toEqual([6, true, 1_900_000]);
        expect((await run(session, "echo next")).outputLost).toBe(false);
      });
    },
  );

  testWithDouble("what is long or secret never travels in a request line", async () => {
    await withDouble(async ({ double, open }) => {
      const session = await open();
      const secret = "s3cret-".repeat(12_000);
      const ended = await run(session, 'echo "${#SECRET}"; exit 3', { SECRET: secret });
      expect([ended.out.toString(), ended.exitCode]).toEqual([`${secret.length}\n`, 3]);
      await session.workspace.write("file", Buffer.from(secret));
      expect(Math.max(...double.execs.map((line) => line.length))).toBeLessThan(24_000);
      expect(double.execs.join("\n")).not.toContain("s3cret-");
    });
  });

  testWithDouble("its sprite is destroyed in the middle: that is unknown, never a success", async () => {
    await withDouble(async ({ double, open }) => {
      const session = await open();
      const running = await session.executor.run({ script: "sleep 60" });
      const destroyed = Bun.spawn([double.cli, "destroy", "--force", session.handle.name], {
        env: { ...process.env, ...double.env },
        stdio: ["ignore", "ignore", "ignore"],
      });
      await destroyed.exited;
      await expect(running.wait()).rejects.toMatchObject({ code: "outcomeUnknown" });
      expect((await session.died).final).toBe(true);
    });
  });

  slowWithDouble("its sprite sleeps between two commands: the next wakes it, with its files", async () => {
    await withDouble(async ({ double, open }) => {
      const session = await open();
      await run(session, "echo kept >kept");
      await double.sprites()[0]?.root.stop();
      expect((await run(session, "cat kept")).out.toString()).toBe("kept\n");
    });
  });

  slowWithDouble("a CLI that says on stdout what it does is not taken for the command", async () => {
    await withDouble(
      async ({ open }) => {
        const session = await open();
        expect((await run(session, "echo mine")).out.toString()).toBe("mine\n");
        await session.workspace.write("file", Buffer.from("bytes"));
        expect(Buffer.from(await session.workspace.read("file")).toString()).toBe("bytes");
      },
      { FAKE_SPRITE_BANNER: "1" },
    );
  });
});

describe("files", () => {
  const bytes = new Uint8Array(3_000_000).map((_, at) => (at * 7919) >> 3);
  const harmless: readonly [title: string, faults: readonly Fault[]][] = [
    ["a stream of segments loses bytes", [{ act: "lose-stdout", bytes: 524_288, on: /segments\.sh/ }]],
    [
      "a stream of segments loses bytes in the middle",
      [{ act: "lose-stdout", bytes: 1_500_000, upTo: 1_500_100, on: /segments\.sh/ }],
    ],
    ["answers are cut off", [{ act: "cut", bytes: 200, times: 2, on: /tool\.sh/ }]],
    ["answers lose their end", [{ act: "lose-stdout", bytes: 1_000, times: 2, on: /tool\.sh/ }]],
    ["handshakes are refused", [{ act: "handshake", status: 502, times: 3 }]],
    ["what is sent does not arrive whole", [{ act: "lose-stdin", bytes: 1_000, times: 2, on: /tool\.sh/ }]],
    [
      "the answer to the last call of a transfer is lost",
      [{ act: "cut", bytes: 10, times: 2, on: /finish|whole|once/ }],
    ],
  ];
  for (const [title, faults] of harmless) {
    const always = faults[0]?.act === "lose-stdin" || faults[0]?.on?.source.includes("finish");
    const register = always ? testWithDouble : slowWithDouble;
    register(`${title}: every byte goes up and comes back`, async () => {
      await withDouble(async ({ double, open }) => {
        const session = await open();
        for (const fault of faults) double.faults.add(fault);
        await session.workspace.write("big", bytes);
        const back = await new Response(await session.workspace.download("big")).arrayBuffer();
        expect(Buffer.compare(Buffer.from(back), Buffer.from(bytes))).toBe(0);
        for (const fault of faults) double.faults.add(fault);
        await session.workspace.move("big", "moved");
        await session.workspace.move("moved", "big");
        expect((await session.workspace.stat("big"))?.size).toBe(bytes.length);
      });
    });
  }
});

testWithDouble(
  "what never arrives whole is not taken for written: the write fails, and the file is as it was",
  async () => {
    await withDouble(async ({ double, open }) => {
      const session = await open();
      await session.workspace.write("file", Buffer.from("before"));
      double.faults.add({ act: "lose-stdin", bytes: 1_000, on: /tool\.sh/ });
      for (const size of [5_000, 20_000_000]) {
        const writing = session.workspace.write("file", new Uint8Array(size).fill(7));
        await expect(writing).rejects.toMatchObject({ code: "transferFailed", retryable: true });
      }
      double.faults.clear();
      expect(Buffer.from(await session.workspace.read("file")).toString()).toBe("before");
      expect((await run(session, "ls -A ~/.glue-sandbox/spool | grep -c up- || :")).out.toString()).toBe("0\n");
    });
  },
);

describe("the end", () => {
  slowWithDouble("destroying fails at first: it is done again", async () => {
    await withDouble(async ({ double, open }) => {
      const session = await open();
      double.faults.add({ act: "destroy", times: 2 });
      await session.close();
      expect(double.sprites()).toEqual([]);
    });
  });

  testWithDouble("destroying fails for good: that is said, and the sprite is found again", async () => {
    await withDouble(async ({ double, runtime, options, context, open }) => {
      const session = await open();
      double.faults.add({ act: "destroy" });
      await expect(session.close()).rejects.toMatchObject({ code: "runtimeUnreachable" });
      double.faults.clear();
      const owned = await runtime.listOwned(options);
      expect(owned.map(({ sessionId, owner }) => [sessionId, owner?.host])).toEqual([[context.sessionId, "here"]]);
      await runtime.release(owned[0]?.handle ?? session.handle, options);
      expect(double.sprites()).toEqual([]);
      await runtime.release(session.handle, options);
    });
  });
});
