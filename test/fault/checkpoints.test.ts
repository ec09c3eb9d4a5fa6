/** What is saved of a session while it goes on, and what is left of it when everything dies. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../session/home.ts";
import { liveLease } from "../../session/keeper-lease.ts";
import type { SessionMeta } from "../../session/meta.ts";
import { machineFacts } from "../../session/owner.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { glue, runs, startGlue, until } from "../support/glue.ts";
import { expectSchema } from "../support/json-schema.ts";
import { tempDir } from "../support/temp-dir.ts";

const COPY = ["-r", "host", "--copy", "--set", "checkpoint_seconds=1"];

function project(): string {
  const cwd = join(realpathSync(tempDir()), "project");
  mkdirSync(cwd);
  writeFileSync(join(cwd, "file"), "one\n");
  return cwd;
}

async function start(home: Home, cwd: string): Promise<string> {
  const { code, stdout, stderr } = await glue(home, ["session", "start", "-q", ...COPY], { cwd });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.trim();
}

const metaOf = (home: Home, id: string): SessionMeta => readMeta(sessionFolder(home, id));
const keeperOf = (home: Home, id: string) => liveLease(sessionFolder(home, id), machineFacts(home.root));

async function show(home: Home, cwd: string, id: string): Promise<string> {
  return (await glue(home, ["session", "diff", id], { cwd })).stdout;
}

test("whoever dies, the patch of the last checkpoint is there, says from when it is, and lands", async () => {
  const [home, cwd] = [freshHome(), project()];
  const id = await start(home, cwd);
  const child = startGlue(home, ["exec", "-s", id, "-c", "echo two > file; sleep 300"], { cwd });
  await until("a checkpoint has it", () => metaOf(home, id).checkpoint?.status === "captured");
  const listed = JSON.parse((await glue(home, ["session", "list", "--json"], { cwd })).stdout);
  expectSchema(listed, "session-list");
  expect(listed.sessions[0]).toMatchObject({ id, change: "unlanded", checkpointAt: expect.any(String) });
  expectSchema(JSON.parse((await glue(home, ["session", "show", "--json", id], { cwd })).stdout), "session-show");
  expect((await glue(home, ["session", "show", id], { cwd })).stdout).toContain("1 commits, 1 files");
  const keeper = keeperOf(home, id)?.pid ?? 0;
  process.kill(keeper, "SIGKILL");
  child.kill("SIGKILL");
  await child.exited;
  const { at } = metaOf(home, id).checkpoint ?? { at: "" };
  // The sandbox goes too, with all that is in it.
  rmSync(join(home.sessions, id, "workspace"), { recursive: true, force: true });
  rmSync(join(home.sessions, id, "private"), { recursive: true, force: true });
  const recovered = await glue(home, ["session", "recover", id], { cwd });
  expect([recovered.code, recovered.stdout]).toEqual([0, expect.stringContaining(`from the checkpoint of ${at}, `)]);
  expect(recovered.stdout).toContain("1 commit, 1 file changed");
  const json = JSON.parse((await glue(home, ["session", "recover", "--json", id], { cwd })).stdout);
  expectSchema(json, "session-recover");
  expect(existsSync(json.files.mbox)).toBe(true);
  expect(await show(home, cwd, id)).toContain("+two");
  const closed = await glue(home, ["session", "close", id], { cwd });
  expect([closed.code, metaOf(home, id).state]).toEqual([1, "lost"]);
  expect(closed.stderr).toContain(`glue session recover ${id}`);
  // What was saved is still not landed, and is not thrown away for nothing.
  expect((await glue(home, ["session", "rm", id], { cwd })).stderr).toContain("never landed");
  expect(await show(home, cwd, id)).toContain("+two");
  expect(readFileSync(join(cwd, "file"), "utf8")).toBe("one\n");
}, 120_000);

test("a run makes its checkpoints by itself, and its end saves all", async () => {
  const [home, cwd] = [freshHome(), project()];
  const child = startGlue(home, ["run", ...COPY, "-c", "echo two > file; sleep 4; echo three > file"], { cwd });
  await until("a checkpoint has it", () => {
    const [id = ""] = sessionIds(home);
    return existsSync(join(home.sessions, id, "meta.json")) && metaOf(home, id).checkpoint?.status === "captured";
  });
  const [id = ""] = sessionIds(home);
  expect(existsSync(join(home.sessions, id, "keeper.json"))).toBe(false);
  expect(await child.exited).toBe(0);
  expect(await show(home, cwd, id)).toContain("+three");
}, 120_000);

test("a keeper that is killed while a command runs is replaced, and a session at rest is left in peace", async () => {
  const [home, cwd] = [freshHome(), project()];
  const id = await start(home, cwd);
  await until("the keeper lives", () => keeperOf(home, id) !== undefined);
  const first = keeperOf(home, id)?.pid ?? 0;
  const child = startGlue(home, ["exec", "-s", id, "-c", "sleep 5; echo two > file"], { cwd });
  await until("the command is on record", () =>
    readFileSync(sessionFolder(home, id).events, "utf8").includes("sleep 5"),
  );
  process.kill(first, "SIGKILL");
  await until("another keeper lives", () => {
    const pid = keeperOf(home, id)?.pid;
    return pid !== undefined && pid !== first;
  });
  expect(await child.exited).toBe(0);
  await until("the end is saved", () => metaOf(home, id).checkpoint?.status === "captured");
  const rested = async () => {
    const before = metaOf(home, id).checkpoint?.at;
    await Bun.sleep(2_500);
    return metaOf(home, id).checkpoint?.at === before;
  };
  // The one that was under way when the command ended may be followed by one more.
  await until("no more are made", rested, 15_000);
  const second = keeperOf(home, id)?.pid ?? 0;
  expect((await glue(home, ["session", "close", "-q", id], { cwd })).code).toBe(0);
  await until("the keeper has left", () => !runs(second));
  expect(await show(home, cwd, id)).toContain("+two");
}, 120_000);

test("with checkpoint_seconds 0 there is none, and nothing to recover from", async () => {
  const [home, cwd] = [freshHome(), project()];
  const { stdout } = await glue(
    home,
    ["session", "start", "-q", "-r", "host", "--copy", "--set", "checkpoint_seconds=0"],
    { cwd },
  );
  const id = stdout.trim();
  expect(existsSync(join(home.sessions, id, "keeper.log"))).toBe(false);
  const recovered = await glue(home, ["session", "recover", id], { cwd });
  expect([recovered.code, recovered.stderr]).toEqual([
    1,
    expect.stringContaining(`No checkpoint of session ${id} was made`),
  ]);
  expect((await glue(home, ["session", "close", "-q", id], { cwd })).code).toBe(0);
}, 120_000);
