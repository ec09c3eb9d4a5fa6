/** Whose lease a named sprite's next session may take over, and whose not. */
import { afterAll, beforeAll, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { leaseLine } from "../../runtimes/sprites/lease.ts";
import { currentOwner, machineFacts } from "../../session/owner.ts";
import { doubleProblem, testWithDouble } from "./double.ts";
import { type Setting, setUp } from "./glue.ts";

const BOX = ["-r", "sprites", "--set", "sprites.sprite_name=my-box", "--set", "sprites.delete_on_close=false"];
const FILE = "/home/sprite/.glue-sandbox/lease";
let setting: Setting;

beforeAll(async () => {
  if (doubleProblem !== undefined) return;
  setting = await setUp();
  expect((await setting.glue(["run", ...BOX, "--", "true"])).code).toBe(0);
});

afterAll(async () => {
  await setting?.stop();
});

/** Leaves a lease in the sprite, as a session that did not give it back would. */
async function leave(text: string): Promise<void> {
  await setting.double.find("my-box")?.tool(["tee", FILE], { user: "sprite", stdin: Buffer.from(text) });
}

async function isHeld(): Promise<boolean> {
  const looked = await setting.double.find("my-box")?.tool(["test", "-e", FILE], { user: "sprite" });
  return looked?.code === 0;
}

/** This process, which is alive, as the owner of a session of the setting's home. */
const alive = () => currentOwner("process", machineFacts(setting.home));
/** As if it were another process, by now gone, that had its pid. */
const dead = () => ({ ...alive(), pidStart: "1" });

testWithDouble("a session gives its lease back when it closes", async () => {
  expect(await isHeld()).toBe(false);
});

testWithDouble(
  "a lease whose session this machine shows to be over is taken over",
  async () => {
    const { glue } = setting;
    const [closed = ""] = readdirSync(join(setting.home, "sessions"));
    const over: readonly [title: string, line: string][] = [
      ["closed, whoever its owner is", leaseLine({ sessionId: closed, owner: alive(), ours: false })],
      ["without a record, and its process is gone", leaseLine({ sessionId: "lost-1", owner: dead(), ours: false })],
    ];
    for (const [title, line] of over) {
      await leave(line);
      const ran = await glue(["run", ...BOX, "--", "echo", "ran"]);
      expect([title, ran.code, ran.stdout, ran.stderr]).toEqual([title, 0, "ran\n", expect.anything()]);
      expect(await isHeld()).toBe(false);
    }
  },
  120_000,
);

testWithDouble(
  "any other lease stands, and the refusal says how to get on",
  async () => {
    const { glue } = setting;
    const clear = `sprite -s my-box exec -- sh -c 'rm "$HOME/.glue-sandbox/lease"'`;
    const standing: readonly [title: string, line: string, ...said: string[]][] = [
      [
        "its process lives",
        leaseLine({ sessionId: "lost-2", owner: alive(), ours: false }),
        `by session lost-2 (process ${process.pid}) of this machine`,
        "glue session close lost-2",
      ],
      [
        "no record says that it is closed, and it was to outlive its process",
        leaseLine({ sessionId: "lost-3", owner: { ...dead(), kind: "open" }, ours: false }),
        "by session lost-3 of this machine",
      ],
      [
        "another boot's process",
        leaseLine({ sessionId: "lost-4", owner: { ...dead(), boot: "another" }, ours: false }),
        "by session lost-4",
      ],
      [
        "another machine's",
        leaseLine({ sessionId: "far-1", owner: { ...dead(), host: "another" }, ours: false }),
        "by session far-1 of another machine",
        clear,
      ],
      ["nobody can read it", '{"format":1,"sess', "by whom cannot be read", clear],
    ];
    for (const [title, line, ...said] of standing) {
      await leave(line);
      const ran = await glue(["run", ...BOX, "--", "echo", "ran"]);
      expect([title, ran.code, ran.stdout]).toEqual([title, 125, ""]);
      for (const words of said) expect(ran.stderr).toContain(words);
      expect(await isHeld()).toBe(true);
      expect(setting.double.find("my-box")).toBeDefined();
    }
    await setting.double.find("my-box")?.tool(["rm", FILE], { user: "sprite" });
  },
  120_000,
);

testWithDouble(
  "of sessions that come at once exactly one gets the sprite; the others are told of it",
  async () => {
    const { glue, double } = setting;
    const ran = await Promise.all([1, 2, 3, 4].map(() => glue(["run", ...BOX, "--", "sleep", "4"])));
    const codes = ran.map(({ code }) => code).sort();
    expect(codes).toEqual([0, 125, 125, 125]);
    for (const { code, stderr } of ran)
      if (code !== 0) expect(stderr).toContain('Sprite "my-box" is in use by session');
    expect(double.sprites().map(({ name }) => name)).toEqual(["my-box"]);
    expect(await isHeld()).toBe(false);
  },
  120_000,
);

testWithDouble(
  "of sessions that create it at once exactly one gets it, and nobody deletes it from under that one",
  async () => {
    const { glue, double } = setting;
    const fresh = BOX.map((word) => word.replace("my-box", "new-box"));
    const ran = await Promise.all([1, 2, 3].map(() => glue(["run", ...fresh, "-c", "sleep 4; echo x >x"])));
    expect(ran.map(({ code }) => code).sort()).toEqual([0, 125, 125]);
    expect(ran.find(({ code }) => code === 0)?.stderr).toContain("1 commit, 1 file changed");
    expect(double.find("new-box")).toBeDefined();
  },
  120_000,
);
