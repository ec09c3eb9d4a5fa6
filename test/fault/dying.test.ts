/** Sandboxes and glues that die or hang while a session is open, one after the other. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../session/home.ts";
import { liveLease } from "../../session/keeper-lease.ts";
import { FORMAT_VERSION } from "../../session/meta.ts";
import { machineFacts } from "../../session/owner.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { OwnEngine } from "../docker/own-engine.ts";
import { freshHome } from "../session/support.ts";
import { glue, REAL_ENGINE, runs, startGlue, until } from "../support/glue.ts";
import { IMAGES, testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { leftovers } from "./leftovers.ts";

function project(): string {
  const cwd = join(realpathSync(tempDir()), "project");
  mkdirSync(cwd);
  writeFileSync(join(cwd, "file"), "one\n");
  return cwd;
}

const keeperOf = (home: Home, id: string) => liveLease(sessionFolder(home, id), machineFacts(home.root));

testNeeding(
  ["docker", "image:busybox", "root"],
  "the engine is killed: the command ends as unknown, and when the engine is back the change is saved to the byte",
  async () => {
    const engine = await new OwnEngine().start();
    try {
      const [home, cwd] = [freshHome(), project()];
      const at = { cwd, env: engine.env };
      const args = [
        "-r",
        "docker",
        "--copy",
        "--set",
        `docker.image=${IMAGES.busybox}`,
        "--set",
        "docker.network=none",
      ];
      const started = await glue(home, ["session", "start", "-q", ...args, "--set", "checkpoint_seconds=1"], at);
      expect([started.code, started.stderr]).toEqual([0, ""]);
      const id = started.stdout.trim();
      const child = startGlue(
        home,
        ["exec", "-s", id, "-c", "echo two > file; sleep 3; echo three > file; sync; sleep 300"],
        at,
      );
      await until(
        "a checkpoint has it",
        () => readMeta(sessionFolder(home, id)).checkpoint?.status === "captured",
        120_000,
      );
      await Bun.sleep(3_500);
      await engine.stop("SIGKILL");
      const broke = performance.now();
      // Nothing is asked of the engine for this.
      expect((await glue(home, ["session", "recover", id], at)).stdout).toContain("from the checkpoint of ");
      expect(await child.exited).toBe(125);
      expect(performance.now() - broke).toBeLessThan(40_000);
      expect(await child.stderr.text()).toContain("It is unknown how the command ended");
      const away = await glue(home, ["session", "close", id], at);
      expect(away.code).toBe(1);
      expect(readMeta(sessionFolder(home, id)).state).toBe("open");
      await engine.start();
      const closed = await glue(home, ["session", "close", id], at);
      expect([closed.code, closed.stderr]).toEqual([0, expect.stringContaining("started again to save its change")]);
      expect((await glue(home, ["session", "diff", id], at)).stdout).toContain("+three");
      expect(engine.docker("ps", "-aq").out).toBe("");
    } finally {
      await engine.dispose();
    }
  },
  120_000,
);

testNeeding(
  ["image:debian-git"],
  "a container that is killed under a run is started again to save the change, and then removed",
  async () => {
    const [home, cwd] = [freshHome(), project()];
    const image = ["--set", `docker.image=${IMAGES["debian-git"]}`, "--set", "docker.fallback_to_host=false"];
    const args = ["run", "-r", "docker", "--copy", ...image, "-c", "echo two > file; echo ready; sleep 300"];
    const child = startGlue(home, args, { cwd, env: REAL_ENGINE });
    await child.stdout.getReader().read();
    const [id = ""] = sessionIds(home);
    Bun.spawnSync(["docker", "kill", `glue-${id}`]);
    expect(await child.exited).toBe(125);
    expect(await child.stderr.text()).toContain("started again to save the change");
    expect(readMeta(sessionFolder(home, id))).toMatchObject({ state: "closed", capture: { status: "captured" } });
    expect((await glue(home, ["session", "diff", id], { cwd })).stdout).toContain("+two");
    expect(leftovers("docker", id)).toEqual([]);
  },
  120_000,
);

test("a keeper that hangs holds nothing up: commands run, and closing ends the session and then the keeper", async () => {
  const [home, cwd] = [freshHome(), project()];
  const { stdout } = await glue(home, ["session", "start", "-q", "-r", "host", "--copy"], { cwd });
  const id = stdout.trim();
  await until("the keeper lives", () => keeperOf(home, id) !== undefined);
  const keeper = keeperOf(home, id)?.pid ?? 0;
  process.kill(keeper, "SIGSTOP");
  try {
    expect(await glue(home, ["exec", "-s", id, "-c", "echo two > file; cat file"], { cwd })).toMatchObject({
      code: 0,
      stdout: "two\n",
    });
    const began = performance.now();
    expect((await glue(home, ["session", "close", "-q", id], { cwd })).code).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect((await glue(home, ["session", "diff", id], { cwd })).stdout).toContain("+two");
  } finally {
    process.kill(keeper, "SIGCONT");
  }
  await until("the keeper has left", () => !runs(keeper), 40_000);
}, 120_000);

test("a session of a newer glue is left alone by every command, to the byte, and named with the version to install", async () => {
  const [home, cwd] = [freshHome(), project()];
  const { stdout } = await glue(
    home,
    ["session", "start", "-q", "-r", "host", "--copy", "--set", "checkpoint_seconds=0"],
    { cwd },
  );
  const id = stdout.trim();
  const folder = sessionFolder(home, id);
  const old = readFileSync(folder.meta, "utf8");
  const newer = {
    ...JSON.parse(old),
    formatVersion: FORMAT_VERSION + 1,
    glueVersion: "99.1.0",
    sandboxes: [{ shape: "not known" }],
  };
  writeFileSync(folder.meta, JSON.stringify(newer));
  const bytes = () =>
    readdirSync(folder.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith("lock"))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => `${path} ${Bun.hash(readFileSync(path))}`)
      .join("\n");
  const before = bytes();
  for (const args of [
    ["exec", "-s", id, "--", "true"],
    ["session", "close", id],
    ["session", "recover", id],
    ["session", "show", id],
    ["session", "rm", id],
    ["__keep", id],
  ]) {
    const ran = await glue(home, args, { cwd });
    expect([args, ran.code === 0, ran.stderr]).toEqual([args, false, expect.stringContaining("99.1.0")]);
  }
  const pruned = JSON.parse((await glue(home, ["prune", "--json"], { cwd })).stdout);
  expect(pruned.items).toEqual([expect.objectContaining({ session: id, outcome: "unknown" })]);
  expect(bytes()).toBe(before);
  // What an older glue does not know of a record that it can read stays in it.
  writeFileSync(folder.meta, JSON.stringify({ ...JSON.parse(old), fromLater: { kept: true } }));
  expect((await glue(home, ["session", "close", "-q", id], { cwd })).code).toBe(0);
  expect(JSON.parse(readFileSync(folder.meta, "utf8"))).toMatchObject({ state: "closed", fromLater: { kept: true } });
}, 120_000);
