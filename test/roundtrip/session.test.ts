import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachSession } from "../../session/attach.ts";
import type { Home } from "../../session/home.ts";
import { keepSession } from "../../session/keeper.ts";
import { machineFacts } from "../../session/owner.ts";
import { readMeta } from "../../session/read-meta.ts";
import { saveChange } from "../../session/save.ts";
import { dismissKeeper } from "../../session/spawn-keeper.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { freshHome, surroundings } from "../session/support.ts";
import { glue, startGlue, until } from "../support/glue.ts";
import { onlyOnHost, sessionFolders, whereEnv, whereFlags } from "../support/roundtrip-on.ts";
import { tempDir } from "../support/temp-dir.ts";

const GIT = { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", ...whereEnv() };

function repository(): string {
  const cwd = realpathSync(tempDir());
  mkdirSync(join(cwd, "sub"));
  writeFileSync(join(cwd, "file"), "one\n");
  writeFileSync(join(cwd, "sub", "deep"), "two\n");
  const git = (...args: string[]) =>
    Bun.spawnSync(["git", "-c", "user.name=t", "-c", "user.email=t@t", ...args], {
      cwd,
      env: { ...process.env, ...GIT },
    });
  for (const args of [
    ["init", "-q"],
    ["add", "-A"],
    ["commit", "-qm", "one"],
  ]) {
    const child = git(...args);
    if (!child.success) throw new Error(String(child.stderr));
  }
  return cwd;
}

async function openCopy(home: Home, cwd: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await glue(home, ["session", "start", "-q", ...whereFlags(), "--copy", ...args], {
    cwd,
    env: GIT,
  });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.trim();
}

const metaOf = (home: Home, id: string) => readMeta(sessionFolder(home, id));
const around = (home: Home) => surroundings(home, { facts: machineFacts(home.root), env: { ...process.env, ...GIT } });

describe("a session that works on a copy", () => {
  test("leaves the user's files alone, saves the change at close, and is removed only when that is landed or given up", async () => {
    const [home, cwd] = [freshHome(), repository()];
    const id = await openCopy(home, cwd);
    const ran = await glue(home, ["exec", "-c", "pwd; echo changed > ../file; echo new > new"], {
      cwd: join(cwd, "sub"),
      env: GIT,
    });
    expect(ran.code).toBe(0);
    expect(ran.stdout.trim().endsWith("/sub")).toBe(true);
    expect(readFileSync(join(cwd, "file"), "utf8")).toBe("one\n");
    const closed = await glue(home, ["session", "close", id], { cwd, env: GIT });
    expect([closed.code, metaOf(home, id).state, metaOf(home, id).capture?.status]).toEqual([0, "closed", "captured"]);
    expect(existsSync(join(home.sessions, id, "runtime.bundle"))).toBe(true);
    expect(existsSync(join(home.sessions, id, "workspace"))).toBe(false);

    const refused = await glue(home, ["session", "rm", id], { cwd, env: GIT });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("never landed or exported") });
    const listed = JSON.parse((await glue(home, ["session", "list", "--json"], { cwd, env: GIT })).stdout);
    expect(listed.sessions).toEqual([expect.objectContaining({ id, state: "closed", change: "unlanded" })]);
    expect((await glue(home, ["session", "apply", id], { cwd, env: GIT })).code).toBe(0);
    expect((await glue(home, ["session", "rm", id], { cwd, env: GIT })).code).toBe(0);
    expect(sessionIds(home)).toEqual([]);
  }, 120_000);

  test("whose change cannot be captured keeps its sandbox and goes on; force gives the change up", async () => {
    const [home, cwd] = [freshHome(), repository()];
    const id = await openCopy(home, cwd);
    await glue(home, ["exec", "-c", "echo changed > file"], { cwd, env: GIT });
    rmSync(join(sessionFolders(home.sessions, id).private, "git"), { recursive: true });
    const closed = await glue(home, ["session", "close", id], { cwd, env: GIT });
    expect(closed.code).toBe(1);
    expect(closed.stderr).toContain("◆ Runtime workspace diff unavailable (gitFailed)");
    expect(closed.stderr).toContain("Its sandbox is kept");
    expect(metaOf(home, id).state).toBe("open");
    expect(await glue(home, ["exec", "-s", id, "--", "cat", "file"], { cwd, env: GIT })).toMatchObject({
      code: 0,
      stdout: "changed\n",
    });
    const refused = await glue(home, ["session", "rm", id], { cwd, env: GIT });
    expect(refused.code).toBe(1);
    expect((await glue(home, ["session", "rm", "--force", id], { cwd, env: GIT })).code).toBe(0);
    expect(sessionIds(home)).toEqual([]);
  }, 120_000);

  test("of a glue that was killed is captured by prune before it is released", async () => {
    const [home, cwd] = [freshHome(), repository()];
    const child = startGlue(home, ["run", ...whereFlags(), "--copy", "-c", "echo saved > file; sleep 300"], {
      cwd,
      env: GIT,
    });
    const saved = () =>
      sessionIds(home).some((id) => {
        const record = join(home.sessions, id, "meta.json");
        // A sandbox elsewhere is found by its handle.
        if (!existsSync(record) || JSON.parse(readFileSync(record, "utf8")).handle === undefined) return false;
        const path = join(sessionFolders(home.sessions, id).workspace, "file");
        return existsSync(path) && readFileSync(path, "utf8") === "saved\n";
      });
    await until("the command has changed the file", saved);
    child.kill("SIGKILL");
    await child.exited;
    const { stdout } = await glue(home, ["prune", "--json"], { cwd, env: GIT });
    const [id = ""] = sessionIds(home);
    expect(JSON.parse(stdout).items).toContainEqual(
      expect.objectContaining({ session: id, outcome: "released", captured: true }),
    );
    expect((await glue(home, ["session", "diff", id], { cwd, env: GIT })).stdout).toContain("+saved");
  }, 120_000);

  test("is saved while it goes on, and by its keeper before the sandbox's deadline", async () => {
    const [home, cwd] = [freshHome(), repository()];
    const id = await openCopy(home, cwd, "--set", "checkpoint_seconds=0");
    const session = await attachSession(around(home), { id, cwd });
    expect(await saveChange(session)).toMatchObject({ status: "nothing" });
    await glue(home, ["exec", "-c", "echo first > file"], { cwd, env: GIT });
    expect(await saveChange(session)).toMatchObject({ status: "captured" });
    const first = metaOf(home, id).checkpoint?.at ?? "";
    expect(metaOf(home, id).state).toBe("open");
    await glue(home, ["exec", "-c", "echo second > file"], { cwd, env: GIT });
    const controller = new AbortController();
    // Elsewhere a keeper needs longer to reach the sandbox and to save.
    const saveBeforeMs = onlyOnHost === undefined ? 2_000 : 25_000;
    const deadline = new Date(Date.now() + saveBeforeMs + 300);
    // Where the session has a keeper of its own, this one takes its place.
    await dismissKeeper(around(home), sessionFolder(home, id));
    const keep = async (): Promise<void> => {
      const times = { renewMs: 60_000, saveBeforeMs, deadline };
      if ((await keepSession(around(home), id, controller.signal, times)) !== "not needed") return;
      await Bun.sleep(100);
      await keep();
    };
    const kept = keep();
    await until("the change is saved", () => (metaOf(home, id).checkpoint?.at ?? "") > first, saveBeforeMs);
    controller.abort();
    await kept;
    await session.detach();
    expect((await glue(home, ["session", "diff", id], { cwd, env: GIT })).stdout).toContain("+second");
    await glue(home, ["session", "close", id], { cwd, env: GIT });
  }, 120_000);
});
