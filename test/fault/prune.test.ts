import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../session/home.ts";
import { freshHome } from "../session/support.ts";
import { glue, runs, startGlue, until } from "../support/glue.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A session of one process whose glue was killed while its command runs; the command's pid is in the result. */
async function killedRun(home: Home, folder: string): Promise<{ id: string; pid: number }> {
  const pidFile = join(tempDir(), "pid");
  const child = startGlue(home, ["run", "-r", "host", "--", "sh", "-c", `echo $$ > ${pidFile}; exec sleep 300`], {
    cwd: folder,
  });
  await until("the command runs", () => existsSync(pidFile) && readFileSync(pidFile, "utf8").endsWith("\n"));
  child.kill("SIGKILL");
  await child.exited;
  const { sessions } = await list(home, folder, "--all");
  const id = sessions.at(-1)?.id ?? "";
  return { id, pid: Number(readFileSync(pidFile, "utf8")) };
}

async function openSession(home: Home, folder: string): Promise<string> {
  return (await glue(home, ["session", "start", "-q", "-r", "host"], { cwd: folder })).stdout.trim();
}

async function list(
  home: Home,
  cwd: string,
  ...args: string[]
): Promise<{ sessions: { id: string; state: string; note?: string }[] }> {
  return JSON.parse((await glue(home, ["session", "list", "--json", ...args], { cwd })).stdout);
}

interface Item {
  session: string;
  outcome: string;
  why: string;
}
async function prune(home: Home, cwd: string, ...args: string[]): Promise<{ code: number; items: Item[] }> {
  const ran = await glue(home, ["prune", "--json", ...args], { cwd });
  return { code: ran.code, items: JSON.parse(ran.stdout).items };
}

/** Changes the owner in a record, as another machine, another boot or another process would have written it. */
function rewriteOwner(home: Home, id: string, changes: object): void {
  const path = join(home.sessions, id, "meta.json");
  const meta = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...meta, owner: { ...meta.owner, ...changes } }));
}

describe("after a glue was killed", () => {
  test("the next command that opens or lists sessions says so in one line, quiet and JSON ones never; prune ends what is left", async () => {
    const [home, folder] = [freshHome(), realpathSync(tempDir())];
    const { id, pid } = await killedRun(home, folder);
    const notice = `1 session was left behind by a glue that was killed (${id}).`;
    const [listed, quiet, json, ran] = await Promise.all([
      glue(home, ["session", "list"], { cwd: folder }),
      glue(home, ["session", "list", "-q"], { cwd: folder }),
      glue(home, ["session", "list", "--json"], { cwd: folder }),
      glue(home, ["run", "-r", "host", "--", "true"], { cwd: folder }),
    ]);
    for (const [who, { stderr }] of Object.entries({ listed, ran }))
      expect([who, stderr.split("\n").filter((line) => line.includes(notice))]).toEqual([who, [stderr.trim()]]);
    for (const { stderr } of [quiet, json, await glue(home, ["version"], { cwd: folder })]) expect(stderr).toBe("");
    expect(listed.stdout).toContain("left behind");

    const dry = await prune(home, folder, "--dry-run");
    expect(dry.items).toEqual([expect.objectContaining({ session: id, outcome: "would-release" })]);
    expect(runs(pid)).toBe(true);
    const done = await prune(home, folder);
    expect(done.code).toBe(0);
    expect(done.items).toEqual([expect.objectContaining({ session: id, outcome: "released" })]);
    expect(runs(pid)).toBe(false);
    expect((await prune(home, folder)).items).toEqual([]);
    expect((await list(home, folder)).sessions).toEqual([]);
  }, 120_000);

  test("its command is of unknown outcome in the session's log", async () => {
    const { readCommandLog } = await import("../../session/command-log.ts");
    const { machineFacts } = await import("../../session/owner.ts");
    const [home, folder] = [freshHome(), realpathSync(tempDir())];
    const { id } = await killedRun(home, folder);
    const { commands } = readCommandLog(join(home.sessions, id, "events.jsonl"), machineFacts(home.root));
    expect(commands).toEqual([expect.objectContaining({ state: "unknown" })]);
    await prune(home, folder);
  });
});

describe("what prune cannot prove ours and dead it keeps, and says so", () => {
  const cases = [
    ["its process runs under the recorded start time", {}, "kept", "runs"],
    ["its pid belongs to another process by now", { pidStart: "1" }, "released", "another process"],
    ["it belongs to another machine", { host: "0".repeat(32), pidStart: "1" }, "unknown", "another machine"],
    ["it belongs to another boot of this machine", { boot: "earlier", pidStart: "1" }, "unknown", "another boot"],
  ] as const;
  for (const [title, owner, outcome, why] of cases) {
    test(`${outcome}: ${title}`, async () => {
      const [home, folder] = [freshHome(), realpathSync(tempDir())];
      const child = startGlue(home, ["run", "-r", "host", "--", "sleep", "300"], { cwd: folder });
      await until("the command runs", async () => {
        const { sessions } = await list(home, folder);
        return sessions[0]?.state === "open";
      });
      const id = (await list(home, folder)).sessions[0]?.id ?? "";
      rewriteOwner(home, id, owner);
      const { items } = await prune(home, folder);
      expect(items).toHaveLength(1);
      expect(items[0]?.outcome).toBe(outcome);
      expect(items[0]?.why).toContain(why);
      child.kill("SIGTERM");
      await child.exited;
    }, 120_000);
  }

  test("a record that cannot be read is kept and reported, one of a newer glue with the version", async () => {
    const [home, folder] = [freshHome(), realpathSync(tempDir())];
    const [torn, newer] = [await openSession(home, folder), await openSession(home, folder)];
    for (const suffix of ["", ".bak"]) writeFileSync(join(home.sessions, torn, `meta.json${suffix}`), "{");
    const path = join(home.sessions, newer, "meta.json");
    const text = readFileSync(path, "utf8");
    writeFileSync(
      path,
      text.replace('"formatVersion": 1', '"formatVersion": 99').replace('"glueVersion": "', '"glueVersion": "77.'),
    );
    const { items } = await prune(home, folder);
    expect(items.map(({ session, outcome }) => [session, outcome])).toEqual([
      [torn, "unknown"],
      [newer, "unknown"],
    ]);
    const listed = await glue(home, ["session", "list"], { cwd: folder });
    expect(listed.stdout).toContain("damaged");
    expect(listed.stdout).toContain("written by glue 77.");
    const ran = await glue(home, ["exec", "-s", newer, "--", "true"], { cwd: folder });
    expect(ran.code).toBe(125);
    expect(ran.stderr).toMatch(/Install glue 77\.\S+ or newer/);
    writeFileSync(path, text);
    for (const id of [torn, newer])
      expect((await glue(home, ["session", "rm", "--force", id], { cwd: folder })).code).toBe(0);
    expect((await list(home, folder, "--all")).sessions).toEqual([]);
  }, 120_000);
});

test("what only the user can know is theirs to end: a killed session of an earlier boot is closed by its id", async () => {
  const [home, folder] = [freshHome(), realpathSync(tempDir())];
  const { id, pid } = await killedRun(home, folder);
  rewriteOwner(home, id, { boot: "earlier" });
  const { items } = await prune(home, folder);
  expect(items[0]?.outcome).toBe("unknown");
  expect(items[0]?.why).toContain(`glue session close ${id} ends it`);
  expect(runs(pid)).toBe(true);
  expect((await glue(home, ["session", "close", id], { cwd: folder })).code).toBe(0);
  expect(runs(pid)).toBe(false);
}, 120_000);

describe("an open session belongs to its folder", () => {
  test("it is kept while the folder is there, and ended when the folder is gone, with all that runs in it", async () => {
    const [home, parent] = [freshHome(), realpathSync(tempDir())];
    const folder = join(parent, "project");
    mkdirSync(folder);
    const id = await openSession(home, folder);
    expect((await prune(home, parent)).items).toEqual([expect.objectContaining({ session: id, outcome: "kept" })]);
    const pidFile = join(parent, "pid");
    const child = startGlue(home, ["exec", "-s", id, "--", "sh", "-c", `echo $$ > ${pidFile}; exec sleep 300`], {
      cwd: folder,
    });
    await until("the command runs", () => existsSync(pidFile) && readFileSync(pidFile, "utf8").endsWith("\n"));
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true });
    const { items } = await prune(home, parent);
    expect(items).toEqual([expect.objectContaining({ session: id, outcome: "released" })]);
    expect(runs(Number(readFileSync(pidFile, "utf8")))).toBe(false);
  }, 120_000);

  test("--older-than ends one that was not used for longer; a clock that was set back ends nothing", async () => {
    const [home, folder] = [freshHome(), realpathSync(tempDir())];
    const [used, unused, future] = [
      await openSession(home, folder),
      await openSession(home, folder),
      await openSession(home, folder),
    ];
    const hours = (n: number) => new Date(Date.now() + n * 3_600_000);
    const age = (id: string, at: Date) => {
      utimesSync(join(home.sessions, id, "events.jsonl"), at, at);
      const path = join(home.sessions, id, "meta.json");
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), createdAt: at.toISOString() }));
    };
    age(unused, hours(-3));
    age(future, hours(5));
    const { items } = await prune(home, folder, "--older-than", "2h");
    expect(Object.fromEntries(items.map(({ session, outcome }) => [session, outcome]))).toEqual({
      [used]: "kept",
      [unused]: "released",
      [future]: "kept",
    });
    for (const id of [used, future]) await glue(home, ["session", "close", id], { cwd: folder });
  }, 120_000);

  test("--older-than keeps one in which a command runs, however long ago it was started", async () => {
    const [home, folder] = [freshHome(), realpathSync(tempDir())];
    const id = await openSession(home, folder);
    const child = startGlue(home, ["exec", "-s", id, "--", "sleep", "300"], { cwd: folder });
    const events = join(home.sessions, id, "events.jsonl");
    await until("the command runs", () => readFileSync(events, "utf8").includes('"started"'));
    const path = join(home.sessions, id, "meta.json");
    const old = new Date(Date.now() - 9 * 3_600_000);
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), createdAt: old.toISOString() }));
    utimesSync(events, old, old);
    const { items } = await prune(home, folder, "--older-than", "2h");
    expect(items).toEqual([expect.objectContaining({ session: id, outcome: "kept", why: "a command runs in it" })]);
    child.kill("SIGTERM");
    await child.exited;
    await glue(home, ["session", "close", id], { cwd: folder });
  }, 120_000);
});

describe("a damaged record", () => {
  for (const [title, text] of [
    ["torn", '{"formatVersion": 1, "id'],
    ["empty", ""],
    ["foreign", '{"name": "something else"}'],
  ] as const) {
    test(`that is ${title} is put back to the version before it, and the session can be closed`, async () => {
      const [home, folder] = [freshHome(), realpathSync(tempDir())];
      const id = await openSession(home, folder);
      writeFileSync(join(home.sessions, id, "meta.json"), text);
      const closed = await glue(home, ["session", "close", id], { cwd: folder });
      expect(closed.code).toBe(0);
      expect(closed.stderr).toContain("is damaged");
      expect(closed.stderr).toContain("put back");
      expect(readFileSync(join(home.sessions, id, "meta.json.damaged"), "utf8")).toBe(text);
      expect((await list(home, folder, "--all")).sessions).toEqual([expect.objectContaining({ id, state: "closed" })]);
    }, 120_000);
  }
});
