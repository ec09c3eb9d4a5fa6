/** The ways to choose sprites and to set its options that docs/sprites.md shows, word for word. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { doubleProblem, testWithDouble } from "./double.ts";
import { newestSession, type Setting, setUp } from "./glue.ts";

let setting: Setting;

beforeAll(async () => {
  if (doubleProblem === undefined) setting = await setUp();
});

afterAll(async () => {
  await setting?.stop();
});

const names = () => setting.double.sprites().map(({ name }) => name);

testWithDouble(
  "in the configuration file: the runtime, a name, and a sprite that stays",
  async () => {
    const { glue, home } = setting;
    const file = join(home, "config.yaml");
    await Bun.write(file, "runtime: sprites\n");
    const own = await glue(["run", "--json", "-q", "-c", "echo $(id -un) in $PWD; echo made >made"]);
    expect(own.code).toBe(0);
    const last = JSON.parse(own.stdout.trim().split("\n").at(-1) ?? "");
    expect(last).toMatchObject({ type: "exit", exitCode: 0, runtime: "sprites", requestedRuntime: "sprites" });
    expect(own.stdout).toContain("sprite in /workspace\\n");
    expect(names()).toEqual([]);
    expect(existsSync(join(home, "sessions", await newestSession(setting), "runtime.mbox"))).toBe(true);

    await Bun.write(file, "runtime: sprites\nsprites:\n  sprite_name: my-sandbox\n  delete_on_close: false\n");
    expect((await glue(["run", "-q", "-c", "touch ~/cached"])).code).toBe(0);
    expect(names()).toEqual(["my-sandbox"]);
    expect((await glue(["run", "-q", "-c", "ls ~/cached"])).stdout).toBe("/home/sprite/cached\n");
    rmSync(file);
  },
  120_000,
);

testWithDouble(
  "in the environment: GLUE_RUNTIME, SPRITES_CLI, SPRITES_NAME, SPRITES_DELETE_ON_CLOSE",
  async () => {
    const { glue } = setting;
    const env = { GLUE_RUNTIME: "sprites", SPRITES_NAME: "my-sandbox" };
    const kept = await glue(["run", "-q", "-c", "ls ~/cached"], { ...env, SPRITES_DELETE_ON_CLOSE: "false" });
    expect([kept.code, kept.stdout, names()]).toEqual([0, "/home/sprite/cached\n", ["my-sandbox"]]);
    expect((await glue(["run", "-q", "--", "true"], env)).code).toBe(0);
    expect(names()).toEqual([]);
  },
  120_000,
);

testWithDouble(
  "without git on the host the tree arrives all the same, and its change comes back",
  async () => {
    const { glue, double } = setting;
    const bin = join(setting.home, "bin");
    const tools = ["sh", "bun", "readlink", "dirname", "curl", "cat", "mkdir", "uname"];
    const links = tools.map((tool) => `ln -s '${Bun.which(tool)}' '${bin}/${tool}'`).join("; ");
    expect(Bun.spawnSync(["sh", "-ec", `mkdir '${bin}'; ${links}`]).exitCode).toBe(0);
    const ran = await glue(["run", "-r", "sprites", "-c", "cat b.txt; git log --format=%s; echo x >>a.txt"], {
      PATH: bin,
    });
    expect([ran.code, ran.stdout]).toEqual([0, "two\nuncommitted work\n"]);
    expect(ran.stderr).toContain("as an archive");
    expect((await glue(["session", "apply", await newestSession(setting)])).code).toBe(0);
    expect(double.sprites()).toEqual([]);
  },
  120_000,
);
