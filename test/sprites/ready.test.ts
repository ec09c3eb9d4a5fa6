/** A sprite that does not run commands yet, or not any more for a moment: it is waited for, with a word of it and a bound. */
import { expect } from "bun:test";
import { slowWithDouble, testWithDouble } from "./double.ts";
import { type Bench, run, withDouble } from "./open.ts";

const NAMED = { "sprites.sprite_name": "my-box", "sprites.delete_on_close": false } as const;

/** Opens a session, on the named sprite where one is named, and what it said meanwhile. */
async function open({ runtime, options, context }: Bench, more: Partial<Bench["options"]> = {}) {
  const said: string[] = [];
  const progress = ({ what }: { what: string }) => void said.push(what);
  const session = await runtime.open({ ...options, ...more }, { ...context, progress });
  return { session, said };
}

testWithDouble("a new sprite that is not ready is waited for with a line that says how long", async () => {
  await withDouble(async (bench) => {
    bench.double.faults.add({ act: "handshake", status: 502, times: 2 });
    const { session, said } = await open(bench);
    expect(said[0]).toBe("Creating the sprite");
    const name = session.handle.name;
    expect(said).toContain(`Waiting for the sprite ${name} (0 s)`);
    expect(name).toMatch(/^glue-[a-z0-9-]{1,43}$/);
    await session.close();
  });
});

testWithDouble("so is one that sleeps when it is resumed, and it has its files", async () => {
  await withDouble(async (bench) => {
    const first = (await open(bench, NAMED)).session;
    await run(
      first,
      "git init -q . && echo kept >kept && git add . && git -c user.name=t -c user.email=t@t commit -qm t",
    );
    await first.leave?.();
    await bench.double.find("my-box")?.root.stop();
    bench.double.faults.add({ act: "asleep", times: 2 });
    const { session, said } = await open(bench, NAMED);
    expect(session.resumed).toBe(true);
    expect(said.slice(0, 2)).toEqual(["Resuming the sprite my-box", "Waiting for the sprite my-box (0 s)"]);
    expect((await run(session, "cat kept")).out.toString()).toBe("kept\n");
  });
});

testWithDouble(
  "one that is restored to a checkpoint in between answers the next command, with the files of then",
  async () => {
    await withDouble(async (bench) => {
      const { session } = await open(bench);
      await run(session, "echo then >file");
      const sprite = (words: string[]) =>
        Bun.spawn([bench.double.cli, "-s", session.handle.name, ...words], {
          env: { ...process.env, ...bench.double.env },
          stdio: ["ignore", "ignore", "ignore"],
        }).exited;
      expect(await sprite(["checkpoint", "create"])).toBe(0);
      await run(session, "echo later >file");
      expect(await sprite(["restore", "v1"])).toBe(0);
      bench.double.faults.add({ act: "handshake", status: 503, times: 2 });
      expect((await run(session, "cat file")).out.toString()).toBe("then\n");
      await session.close();
      expect(bench.double.sprites()).toEqual([]);
    });
  },
);

testWithDouble("where the answer to the create of a named sprite is lost, it is taken as it is there", async () => {
  await withDouble(async (bench) => {
    bench.double.faults.add({ act: "lost-create", times: 1 });
    const { session } = await open(bench, NAMED);
    expect((await run(session, "echo ran")).out.toString()).toBe("ran\n");
    expect(bench.double.sprites().map(({ name }) => name)).toEqual(["my-box"]);
  });
});

testWithDouble("a named sprite that was made for a session which cannot be opened does not stay", async () => {
  await withDouble(async (bench) => {
    const stop = new AbortController();
    const { runtime, options, context, double } = bench;
    double.faults.add({ act: "asleep", times: 4 });
    setTimeout(() => stop.abort(), 800);
    const opening = runtime.open({ ...options, ...NAMED }, { ...context, signal: stop.signal });
    await expect(opening).rejects.toMatchObject({ code: "cancelled" });
    expect(double.sprites()).toEqual([]);
  });
});

slowWithDouble(
  "a sprite that never runs commands is given up after two minutes, and does not stay",
  async () => {
    await withDouble(async (bench) => {
      bench.double.faults.add({ act: "handshake", status: 502 });
      const began = performance.now();
      await expect(open(bench)).rejects.toMatchObject({
        code: "runtimeUnreachable",
        message: expect.stringMatching(/502/),
      });
      expect((performance.now() - began) / 1_000).toBeWithin(120, 140);
      expect(bench.double.sprites()).toEqual([]);
    });
  },
  180_000,
);
