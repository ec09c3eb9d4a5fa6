/** Sandboxes that outlive their session, and the sessions that come back to them. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openHome } from "../../session/home.ts";
import { type Double, startDouble } from "../doubles/daytona/server.ts";
import { glue } from "../support/glue.ts";
import { tempDir } from "../support/temp-dir.ts";
import { doubleProblem, slowWithDouble, testWithDouble } from "./double.ts";

let double: Double;
beforeAll(() => {
  if (doubleProblem === undefined) double = startDouble();
});
afterAll(async () => {
  await double?.stop();
});

const KEEP = ["--set", "daytona.delete_on_close=false"];

/** A home, a folder with a file, and a glue that works there. */
function place() {
  const home = openHome({ GLUE_HOME: tempDir() });
  const cwd = join(realpathSync(tempDir()), "project");
  mkdirSync(cwd);
  writeFileSync(join(cwd, "first"), "1\n");
  const env = { DAYTONA_API_KEY: double.apiKey, DAYTONA_API_BASE_URL: double.url };
  const at = async (...args: string[]) => await glue(home, args, { cwd, env });
  const start = async (...args: string[]) => {
    const ran = await at("session", "start", "-q", "-r", "daytona", ...args);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    return ran.stdout.trim();
  };
  const inside = async (id: string, script: string) => {
    const ran = await at("exec", "-s", id, "-c", script);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    return ran.stdout;
  };
  return { at, start, inside };
}

async function stateOf(name: string): Promise<string | undefined> {
  await double.find(name)?.settled();
  return double.find(name)?.state;
}

testWithDouble(
  "a session that was kept is gone on with, and each brings back its own change",
  async () => {
    const { at, start, inside } = place();
    const first = await start(...KEEP);
    const name = `glue-${first}`;
    await inside(first, "echo 2 >second && git add -A && git commit -qm second && touch /tmp/cache");
    expect(await at("session", "close", "-q", first)).toMatchObject({ code: 0, stderr: "" });
    expect(await stateOf(name)).toBe("stopped");
    const pruned = await at("prune", "--json", "--runtime", "daytona");
    expect(JSON.parse(pruned.stdout).items.filter((item: { session: string }) => item.session === first)).toEqual([]);
    expect(await stateOf(name)).toBe("stopped");

    // By the id of the session that kept it, without the runtime.
    const again = await at("session", "start", "-q", "--attach", first);
    expect(again).toMatchObject({ code: 0, stderr: "" });
    const second = again.stdout.trim();
    expect(second).not.toBe(first);
    expect(await inside(second, "cat second; ls /tmp/cache; echo 3 >third")).toBe("2\n/tmp/cache\n");
    const busy = await at("session", "start", "-r", "daytona", "--attach", name);
    expect([busy.code, busy.stderr.includes(`is in use by session ${second}`)]).toEqual([1, true]);
    expect(await inside(second, "cat third")).toBe("3\n");
    expect(await at("session", "close", "-q", second)).toMatchObject({ code: 0, stderr: "" });
    expect(await stateOf(name)).toBe("stopped");
    const diff = await at("session", "diff", "--stat", second);
    expect([diff.stdout.includes("third"), diff.stdout.includes("second")]).toEqual([true, false]);

    // The work of the second was never committed inside: it is not mixed into a third session's.
    const third = await at("session", "start", "-r", "daytona", "--attach", name);
    expect([third.code, third.stderr.includes("uncommitted changes")]).toEqual([1, true]);
    expect(await stateOf(name)).toBe("stopped");
  },
  120_000,
);

slowWithDouble(
  "a session on a sandbox that was kept is given up: the sandbox stays, stopped",
  async () => {
    const { at, start, inside } = place();
    const first = await start(...KEEP);
    await inside(first, "git add -A && git commit -qm all || true");
    await at("session", "close", "-q", first);
    const second = await start("--attach", `glue-${first}`);
    expect(await at("session", "rm", "--force", "-q", second)).toMatchObject({ code: 0 });
    expect(await stateOf(`glue-${first}`)).toBe("stopped");
    const third = await start("--attach", `glue-${first}`);
    await at("session", "close", "-q", third);
    expect(await stateOf(`glue-${first}`)).toBe("stopped");
  },
  120_000,
);

slowWithDouble(
  "what glue did not make is not taken over, and what is not there is said",
  async () => {
    const { at } = place();
    const made = await fetch(`${double.url}/sandbox`, {
      method: "POST",
      headers: { authorization: `Bearer ${double.apiKey}` },
      body: JSON.stringify({ name: "someones", labels: {} }),
    });
    expect(made.status).toBe(200);
    const foreign = await at("session", "start", "-r", "daytona", "--attach", "someones");
    expect([foreign.code, foreign.stderr.includes("was not made by glue")]).toEqual([1, true]);
    expect(await stateOf("someones")).toBe("started");
    const missing = await at("session", "start", "-r", "daytona", "--attach", "no-such-sandbox");
    expect([missing.code, missing.stderr.includes("no sandbox no-such-sandbox")]).toEqual([1, true]);
  },
  120_000,
);
