/** Sprites that outlive a session: what is left alone, and who gets them next. */
import { afterAll, beforeAll, expect } from "bun:test";
import { join } from "node:path";
import { doubleProblem, slowWithDouble, testWithDouble } from "./double.ts";
import { type Setting, setUp } from "./glue.ts";

const NAMED = ["-r", "sprites", "--set", "sprites.sprite_name=my-box", "--set", "sprites.delete_on_close=false"];
let setting: Setting;

beforeAll(async () => {
  if (doubleProblem === undefined) setting = await setUp();
});

afterAll(async () => {
  await setting?.stop();
});

const commit = (text: string) => `${text} && git add -A && git commit -q -m '${text.replaceAll("'", "")}'`;

testWithDouble(
  "a session that cannot be opened leaves a sprite that was there before, whatever is to become of it on close",
  async () => {
    const { glue, repo, double } = setting;
    expect((await glue(["run", ...NAMED, "--", "true"])).code).toBe(0);
    // Both sides have changed the same line.
    expect((await glue(["run", ...NAMED, "-c", commit("echo sandbox >a.txt")])).code).toBe(0);
    const before = await Bun.file(join(repo, "a.txt")).text();
    await Bun.write(join(repo, "a.txt"), "here\n");
    const refused = await glue(["run", "-r", "sprites", "--set", "sprites.sprite_name=my-box", "--", "true"]);
    expect([refused.code, refused.stderr]).toEqual([125, expect.stringContaining("conflicts")]);
    expect(double.sprites().map(({ name }) => name)).toEqual(["my-box"]);
    await Bun.write(join(repo, "a.txt"), before);
    // Nor does it stay held.
    expect((await glue(["run", ...NAMED, "--", "cat", "a.txt"])).stdout).toBe("sandbox\n");
  },
  120_000,
);

slowWithDouble(
  "a glue that is killed while it resumes a sprite leaves it, and prune sets it free",
  async () => {
    const { glue, start, double } = setting;
    for (let kill = 0; kill < 10; kill++) {
      const ms = Math.round(Math.random() * 3_000);
      const killed = start(["run", "-r", "sprites", "--set", "sprites.sprite_name=my-box", "-c", "sleep 60"]);
      await Bun.sleep(ms);
      killed.kill("SIGKILL");
      await killed.exited;
      const pruned = await glue(["prune"]);
      // Once it was open, its end is that of a session which closes.
      if (double.find("my-box") === undefined) await glue(["run", ...NAMED, "--", "true"]);
      const next = await glue(["run", ...NAMED, "--", "true"]);
      expect([ms, pruned.code, next.code, next.code === 0 ? "" : next.stderr]).toEqual([ms, 0, 0, ""]);
    }
  },
  300_000,
);

slowWithDouble(
  "a glue that is killed while it makes a named sprite leaves at most that, free for the next session",
  async () => {
    const { glue, start, double } = setting;
    const words = ["run", "-r", "sprites", "--set", "sprites.sprite_name=new-box"];
    for (let kill = 0; kill < 10; kill++) {
      const ms = 200 + Math.round(Math.random() * 2_000);
      const killed = start([...words, "-c", "sleep 60"]);
      await Bun.sleep(ms);
      killed.kill("SIGKILL");
      await killed.exited;
      // A create that was under way goes on without it.
      await Bun.sleep(500);
      const pruned = await glue(["prune"]);
      const next = await glue([...words, "--", "echo", "ran"]);
      expect([ms, pruned.code, next.stdout, next.code === 0 ? "" : next.stderr]).toEqual([ms, 0, "ran\n", ""]);
      expect(double.find("new-box")).toBeUndefined();
    }
  },
  300_000,
);

testWithDouble(
  "a sprite that a killed glue has just made under a name of the user's is named by prune, and left",
  async () => {
    const { glue, start, double } = setting;
    const killed = start(["run", "-r", "sprites", "--set", "sprites.sprite_name=half-box", "-c", "sleep 60"]);
    while (double.find("half-box") === undefined) await Bun.sleep(5);
    killed.kill("SIGKILL");
    await killed.exited;
    const pruned = await glue(["prune"]);
    expect([pruned.code, pruned.stdout]).toEqual([0, expect.stringContaining("sprite destroy half-box ends it")]);
    expect(double.find("half-box")).toBeDefined();
    const next = await glue(["run", "-r", "sprites", "--set", "sprites.sprite_name=half-box", "--", "echo", "ran"]);
    expect([next.code, next.stdout]).toEqual([0, "ran\n"]);
  },
  120_000,
);

testWithDouble(
  "--attach opens a session on a sprite that an earlier one kept, and leaves it again",
  async () => {
    const { glue, double } = setting;
    const kept = ["-r", "sprites", "--set", "sprites.delete_on_close=false"];
    const first = (await glue(["session", "start", ...kept])).stdout.trim();
    expect((await glue(["exec", "-s", first, "-c", commit("echo 1 >one && touch ~/cache")])).code).toBe(0);
    expect((await glue(["session", "close", first])).code).toBe(0);
    const names = double.sprites().map(({ name }) => name);
    expect(names).toContain(`glue-${first}`);
    for (const word of [first, `glue-${first}`]) {
      const second = await glue(["session", "start", "-r", "sprites", "--attach", word]);
      expect([second.code, second.code === 0 ? "" : second.stderr]).toEqual([0, ""]);
      const id = second.stdout.trim();
      expect((await glue(["exec", "-s", id, "-c", "cat one; ls ~/cache"])).stdout).toBe("1\n/home/sprite/cache\n");
      expect((await glue(["session", "close", id])).code).toBe(0);
      expect(double.find(`glue-${first}`)).toBeDefined();
    }
    const missing = await glue(["session", "start", "-r", "sprites", "--attach", "no-such-box"]);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("There is no sprite no-such-box.")]);
    expect(double.find("no-such-box")).toBeUndefined();
    expect((await glue(["prune"])).code).toBe(0);
    const destroyed = Bun.spawn([double.cli, "destroy", "--force", `glue-${first}`], {
      env: { ...process.env, ...double.env },
      stdio: ["ignore", "ignore", "ignore"],
    });
    expect(await destroyed.exited).toBe(0);
  },
  120_000,
);
