/** What goes wrong while a change comes back. The table in docs/sprites.md says the same in words. */
import { afterAll, beforeAll, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "../doubles/sprite/faults.ts";
import { doubleProblem, slowWithDouble, testWithDouble } from "./double.ts";
import { newestSession, type Ran, type Setting, setUp } from "./glue.ts";

let setting: Setting;

beforeAll(async () => {
  if (doubleProblem === undefined) setting = await setUp();
});

afterAll(async () => {
  await setting?.stop();
});

/** The first thing that is done when the command is over. */
const AFTER = /launch\.sh sweep/;
const WORK = ["run", "-r", "sprites", "-c", "head -c 2000000 /dev/urandom >random; sha256sum <random"];

async function expectWhole(ran: Ran): Promise<void> {
  const { glue, git, repo } = setting;
  const id = await newestSession(setting);
  expect((await glue(["session", "apply", id])).code).toBe(0);
  const random = Bun.spawnSync(["git", "show", `glue/${id}:random`], { cwd: repo }).stdout;
  expect(ran.stdout).toContain(new Bun.CryptoHasher("sha256").update(random).digest("hex"));
  expect(git("fsck", "--no-dangling")).toBe("");
}

const harmless: readonly [title: string, fault: Fault, slow?: true][] = [
  ["connections end in the middle", { act: "cut", bytes: 500, times: 3 }],
  ["stdout is lost, with exit 0", { act: "lose-stdout", bytes: 500, times: 3 }, true],
  ["there is no exit frame", { act: "no-exit", times: 3 }, true],
  ["what is sent is cut off", { act: "lose-stdin", bytes: 300, times: 1 }, true],
  ["handshakes are refused", { act: "handshake", status: 502, times: 3 }, true],
  ["the sprite has fallen asleep", { act: "asleep", times: 3 }, true],
  ["answers are late", { act: "delay", ms: 1_500, times: 3 }, true],
  ["destroying fails at first", { act: "destroy", times: 2 }, true],
  ["no more sprites can be made", { act: "capacity" }, true],
  ["the answer to a create would be lost", { act: "lost-create" }, true],
];
for (const [title, fault, slow] of harmless) {
  (slow ? slowWithDouble : testWithDouble)(
    `${title} during the capture: the change is whole all the same`,
    async () => {
      const { glue, double } = setting;
      double.faults.add({ ...fault, after: AFTER });
      const ran = await glue(WORK);
      double.faults.clear();
      expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining("1 file changed")]);
      await expectWhole(ran);
      expect(double.sprites()).toEqual([]);
    },
    200_000,
  );
}

slowWithDouble(
  "a CLI that says on stdout what it does during the capture: the change is whole all the same",
  async () => {
    const ran = await setting.glue(WORK, { FAKE_SPRITE_BANNER: "1" });
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining("1 file changed")]);
    await expectWhole(ran);
    expect(setting.double.sprites()).toEqual([]);
  },
  200_000,
);

testWithDouble(
  "the login ends during the capture: that is said, and the change comes back once it is renewed",
  async () => {
    const { glue, double } = setting;
    double.faults.add({ act: "logged-out", after: AFTER });
    const ran = await glue(WORK);
    double.faults.clear();
    expect([ran.code, ran.stderr]).toEqual([125, expect.stringContaining("sprite login")]);
    expect(double.sprites()).toHaveLength(1);
    const closed = await glue(["session", "close", await newestSession(setting)]);
    expect([closed.code, closed.stderr]).toEqual([0, expect.anything()]);
    await expectWhole(ran);
    expect(double.sprites()).toEqual([]);
  },
  200_000,
);

slowWithDouble(
  "what comes back never is whole: that is reported and nothing is written; the sprite is kept, and gives it later",
  async () => {
    const { glue, double, home } = setting;
    // The answer's own head arrives, the change behind it never does.
    double.faults.add({ act: "lose-stdout", bytes: 4_000, after: AFTER });
    const ran = await glue(WORK);
    double.faults.clear();
    expect([ran.code, ran.stderr]).toEqual([125, expect.stringContaining("Runtime workspace diff unavailable")]);
    const id = await newestSession(setting);
    const files = readdirSync(join(home, "sessions", id));
    expect(files.filter((name) => name.startsWith("runtime."))).toEqual([]);
    expect(double.sprites()).toHaveLength(1);
    expect((await glue(["session", "apply", id])).code).toBe(1);
    expect((await glue(["session", "close", id])).code).toBe(0);
    await expectWhole(ran);
    expect(double.sprites()).toEqual([]);
  },
  200_000,
);

slowWithDouble(
  "destroying fails for good: the change is whole, and prune destroys the sprite",
  async () => {
    const { glue, double } = setting;
    double.faults.add({ act: "destroy", after: AFTER });
    const ran = await glue(WORK);
    double.faults.clear();
    expect([ran.code, ran.stderr]).toEqual([125, expect.stringContaining("glue prune")]);
    await expectWhole(ran);
    expect(double.sprites()).toHaveLength(1);
    expect((await glue(["prune"])).code).toBe(0);
    expect(double.sprites()).toEqual([]);
  },
  200_000,
);

testWithDouble(
  "the sprite is destroyed before the capture: there is no patch, and that is said with its reason",
  async () => {
    const { double, glue } = setting;
    const running = setting.start(["run", "-r", "sprites", "-c", "echo x >>a.txt; echo made; sleep 2"]);
    const reader = running.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("made\n");
    const [sprite] = double.sprites();
    const destroyed = Bun.spawn([double.cli, "destroy", "--force", sprite?.name ?? ""], {
      env: { ...process.env, ...double.env },
      stdio: ["ignore", "ignore", "ignore"],
    });
    await destroyed.exited;
    const [code, stderr] = await Promise.all([running.exited, running.stderr.text()]);
    expect([code, stderr]).toEqual([125, expect.stringContaining("Runtime workspace diff unavailable (executorDead)")]);
    expect((await glue(["session", "apply", await newestSession(setting)])).code).not.toBe(0);
  },
  200_000,
);
