/** What glue doctor says of sprites, and the one step that mends each. */
import { afterAll, beforeAll, expect } from "bun:test";
import { doubleProblem, testWithDouble } from "./double.ts";
import { type Setting, setUp } from "./glue.ts";

let setting: Setting;

beforeAll(async () => {
  if (doubleProblem === undefined) setting = await setUp();
});

afterAll(async () => {
  await setting?.stop();
});

interface Said {
  readonly name: string;
  readonly status: string;
  readonly detail: string;
  readonly fix?: string;
}

async function doctor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout } = await setting.glue(["doctor", "-r", "sprites", "--json", ...args], env);
  const { runtimes } = JSON.parse(stdout) as { runtimes: { ready: boolean; checks: Said[] }[] };
  const [{ ready, checks } = { ready: false, checks: [] as Said[] }] = runtimes;
  return { code, ready, find: (name: string) => checks.find((check) => check.name === name) };
}

testWithDouble(
  "the CLI with its version, the login, the organization: all is ready, and nothing is created",
  async () => {
    const { code, ready, find } = await doctor([]);
    expect([code, ready]).toEqual([0, true]);
    expect(find("sprite CLI")?.detail).toContain("2026-09-02");
    expect(find("login")?.status).toBe("ok");
    expect(find("organization")?.detail).toContain("the sprite CLI is set to");
    expect((await doctor(["--set", "sprites.org=my-org"])).find("organization")?.detail).toBe("my-org");
    expect(setting.double.sprites()).toEqual([]);
    expect(setting.double.execs).toEqual([]);
  },
);

testWithDouble("a CLI that is not there is told with how to get it", async () => {
  const { code, find } = await doctor([], { SPRITES_CLI: "/nowhere/sprite" });
  expect(code).toBe(1);
  expect(find("sprite CLI")).toMatchObject({ status: "missing", detail: expect.stringContaining("/nowhere/sprite") });
  expect(find("sprite CLI")?.fix).toContain("sprites.sprite_cli");
});

testWithDouble("a CLI that nobody is logged in to is told with the command that does it", async () => {
  setting.double.faults.add({ act: "logged-out" });
  const { code, find } = await doctor([]);
  setting.double.faults.clear();
  expect([code, find("login")?.status, find("login")?.fix]).toEqual([1, "missing", "sprite login"]);
});

testWithDouble("a named sprite's state is told, and it is not woken for that", async () => {
  const named = ["--set", "sprites.sprite_name=my-box"];
  expect((await doctor(named)).find("sprite my-box")?.detail).toContain("will be created");
  const { double } = setting;
  const created = Bun.spawn([double.cli, "create", "--skip-console", "my-box"], {
    env: { ...process.env, ...double.env },
    stdio: ["ignore", "ignore", "ignore"],
  });
  expect(await created.exited).toBe(0);
  expect((await doctor(named)).find("sprite my-box")?.detail).toBe("it is there (running), and will be resumed");
  await double.find("my-box")?.root.stop();
  expect((await doctor(named)).find("sprite my-box")?.detail).toBe("it is there (cold), and will be resumed");
  expect(double.find("my-box")?.root.running).toBe(false);
});
