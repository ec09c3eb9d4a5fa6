import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../session/home.ts";
import { freshHome } from "../session/support.ts";
import { glue, startGlue } from "../support/glue.ts";
import { tempDir } from "../support/temp-dir.ts";

describe("a session that outlives the call that opened it", () => {
  let home: Home;
  let folder: string;
  let id: string;
  beforeAll(async () => {
    home = freshHome();
    folder = realpathSync(tempDir());
    mkdirSync(join(folder, "sub"));
    const started = await glue(home, ["session", "start", "-r", "host"], { cwd: folder });
    id = started.stdout.trim();
    expect(started.code).toBe(0);
    expect(started.stdout).toMatch(/^[a-z0-9-]+\n$/);
  });

  test("is on record before and while it is open, readable by its owner alone", () => {
    const meta = JSON.parse(readFileSync(join(home.sessions, id, "meta.json"), "utf8"));
    expect(meta).toMatchObject({ id, state: "open", runtime: "host", tree: { top: folder }, owner: { kind: "open" } });
    const first = JSON.parse(readFileSync(join(home.sessions, id, "meta.json.bak"), "utf8"));
    expect(first).toMatchObject({ state: "intended", handle: { name: expect.any(String) } });
  });

  test("runs commands of any process, which need not name it where it is the only one of the folder", async () => {
    const ran = await glue(home, ["exec", "--", "sh", "-c", "echo out; echo err >&2; exit 7"], { cwd: folder });
    expect(ran).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
  });

  test("is found by the beginning of its id, from anywhere", async () => {
    const ran = await glue(home, ["exec", "-s", id.slice(0, 6), "--", "pwd"], { cwd: "/" });
    expect(ran).toMatchObject({ code: 0, stdout: `${folder}\n` });
  });

  test("starts a command in the caller's subfolder, or where -C says", async () => {
    const [here, there] = await Promise.all([
      glue(home, ["exec", "--", "pwd"], { cwd: join(folder, "sub") }),
      glue(home, ["exec", "-C", "sub", "--", "pwd"], { cwd: folder }),
    ]);
    expect([here.stdout, there.stdout]).toEqual([`${folder}/sub\n`, `${folder}/sub\n`]);
  });

  test("gives JSON lines to tools", async () => {
    const ran = await glue(home, ["exec", "--json", "--", "echo", "hi"], { cwd: folder });
    const lines = ran.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toEqual({ type: "stdout", data: "hi\n" });
    expect(lines.at(-1)).toMatchObject({ type: "exit", exitCode: 0, outcome: "exited", session: id, capture: null });
  });

  test("keeps a deadline for each command", async () => {
    const ran = await glue(home, ["exec", "--timeout", "300ms", "--", "sleep", "60"], { cwd: folder });
    expect(ran.code).toBe(124);
  });

  test("does not read the configuration in exec", async () => {
    const broken = { GLUE_RUNTIME: "no-such-runtime" };
    expect(await glue(home, ["exec", "--", "true"], { cwd: folder, env: broken })).toMatchObject({
      code: 0,
      stderr: "",
    });
  });

  test("is reached again by session start --attach", async () => {
    const ran = await glue(home, ["session", "start", "--attach", id], { cwd: "/" });
    expect(ran).toMatchObject({ code: 0, stdout: `${id}\n` });
  });

  test("is listed, for people and for tools", async () => {
    const [people, tools] = await Promise.all([
      glue(home, ["session", "list"], { cwd: folder }),
      glue(home, ["session", "list", "--json"], { cwd: folder }),
    ]);
    expect(people.stdout).toMatch(new RegExp(`${id} +open +host +none +.* ${folder}`));
    expect(JSON.parse(tools.stdout)).toMatchObject({ schemaVersion: 1, sessions: [{ id, state: "open", folder }] });
  });

  test("is not removed while it is open", async () => {
    const ran = await glue(home, ["session", "rm", id], { cwd: folder });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("is open");
  });

  test("is closed by one of two processes; the other waits and says so; both are content", async () => {
    const children = [1, 2].map(() => startGlue(home, ["session", "close", id], { cwd: folder }));
    const codes = await Promise.all(children.map((child) => child.exited));
    const said = await Promise.all(children.map((child) => child.stderr.text()));
    expect(codes).toEqual([0, 0]);
    expect(said.join("").match(/is closed/g)).toHaveLength(1);
    expect(said.join("").match(/was closed already/g)).toHaveLength(1);
  });

  test("takes no command when it is closed, and says so", async () => {
    const ran = await glue(home, ["exec", "-s", id, "--", "true"], { cwd: folder });
    expect(ran.code).toBe(125);
    expect(ran.stderr).toContain(`Session ${id} is closed`);
    const none = await glue(home, ["exec", "--", "true"], { cwd: folder });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("No session is open") });
  });

  test("is removed without a trace", async () => {
    expect(await glue(home, ["session", "rm", id], { cwd: folder })).toMatchObject({ code: 0 });
    expect([readdirSync(home.sessions), readdirSync(join(home.cache, "unfinished"))]).toEqual([[], []]);
  });
});

describe("what session start sets for every command", () => {
  test("variables and a deadline are kept, names are passed on from the caller", async () => {
    const [home, folder] = [freshHome(), tempDir()];
    const start = ["session", "start", "-e", "FIXED=one", "-e", "MY_TOKEN", "--timeout", "400ms"];
    const { stdout } = await glue(home, start, { cwd: folder });
    const id = stdout.trim();
    const show = ["exec", "-s", id, "--", "sh", "-c", 'echo "$FIXED $MY_TOKEN"'];
    const secret = { MY_TOKEN: "from-the-caller" };
    expect((await glue(home, show, { cwd: folder, env: secret })).stdout).toBe("one from-the-caller\n");
    const without = await glue(home, show, { cwd: folder });
    expect(without.stderr).toContain("MY_TOKEN");
    expect(without.code).toBe(2);
    expect((await glue(home, ["exec", "-s", id, "--", "sleep", "60"], { cwd: folder, env: secret })).code).toBe(124);
    const files = readdirSync(join(home.sessions, id)).filter(
      (name) => name.startsWith("meta") || name.startsWith("events"),
    );
    for (const name of files)
      expect(readFileSync(join(home.sessions, id, name), "utf8")).not.toContain("from-the-caller");
    await glue(home, ["session", "close", id], { cwd: folder });
  });

  test("a value whose name says that it is a secret is refused: it would stay on the disk", async () => {
    const [home, folder] = [freshHome(), tempDir()];
    const ran = await glue(home, ["session", "start", "-e", "MY_TOKEN=abc"], { cwd: folder });
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining("Write -e MY_TOKEN") });
    expect(readdirSync(home.sessions)).toEqual([]);
  });
});

describe("which session is meant", () => {
  test("of two for one folder one has to be named; of two nested folders the nearer is taken", async () => {
    const [home, outer] = [freshHome(), realpathSync(tempDir())];
    const inner = join(outer, "inner");
    mkdirSync(inner);
    const start = async (cwd: string) => (await glue(home, ["session", "start", "-q"], { cwd })).stdout.trim();
    const first = await start(outer);
    const second = await start(inner);
    expect((await glue(home, ["exec", "--json", "--", "true"], { cwd: inner })).stdout).toContain(second);
    expect((await glue(home, ["exec", "--json", "--", "true"], { cwd: outer })).stdout).toContain(first);
    const third = await start(inner);
    const ran = await glue(home, ["exec", "--", "true"], { cwd: inner });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("2 sessions are open for this folder");
    for (const id of [first, second, third]) await glue(home, ["session", "close", id], { cwd: outer });
    const ambiguous = await glue(home, ["session", "close", first.slice(0, 1)], { cwd: outer });
    expect(ambiguous).toMatchObject({ code: 2, stderr: expect.stringContaining("3 sessions begin with") });
  });
});
