/** What people see who come back to a session whose sandbox has died while nobody looked. */
import { expect } from "bun:test";
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { glue, REAL_ENGINE, until } from "../support/glue.ts";
import { IMAGES, testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { keeperOf } from "./breakage/home.ts";
import { leftovers } from "./leftovers.ts";

testNeeding(
  ["image:debian-git"],
  "the keeper records that the container is gone; the patch and the job's output are those of the last checkpoint, and its end is unknown",
  async () => {
    const home = freshHome();
    const cwd = join(realpathSync(tempDir()), "project");
    mkdirSync(cwd);
    writeFileSync(join(cwd, "file"), "one\n");
    const at = { cwd, env: REAL_ENGINE };
    const run = (...args: string[]) => glue(home, args, at);
    const image = ["--set", `docker.image=${IMAGES["debian-git"]}`, "--set", "docker.fallback_to_host=false"];
    const copy = ["-r", "docker", "--copy", ...image, "--set", "checkpoint_seconds=1"];
    const id = (await run("session", "start", "-q", ...copy)).stdout.trim();
    const work = "echo begun; echo two > file; echo trouble >&2; while :; do sleep 1; done";
    expect((await run("exec", "-s", id, "--detach", "-c", work)).code).toBe(0);
    const folder = sessionFolder(home, id);
    await until("a checkpoint has it", () => readMeta(folder).checkpoint?.status === "captured", 60_000);
    Bun.spawnSync(["docker", "rm", "--force", `glue-${id}`], { env: { ...process.env, ...REAL_ENGINE } });
    await until("the keeper has told", () => readMeta(folder).state === "lost", 60_000);
    await until("the keeper has left", () => keeperOf(home, id) === undefined);
    // Nobody asks the engine for any of this.
    const away = (...args: string[]) => glue(home, args, { cwd });
    const listed = await away("session", "list", "--json");
    expect(JSON.parse(listed.stdout).sessions).toEqual([
      expect.objectContaining({ id, state: "lost", change: "unlanded", note: expect.stringContaining("gone") }),
    ]);
    expect(await away("exec", "-s", id, "--", "true")).toMatchObject({
      code: 125,
      stderr: expect.stringContaining(`Session ${id} is lost: its sandbox is gone`),
    });
    const jobs = JSON.parse((await away("job", "list", "-s", id, "--json")).stdout).jobs;
    expect(jobs).toEqual([expect.objectContaining({ number: 1, state: "unknown" })]);
    const logs = await away("job", "logs", "-s", id, "1");
    expect([logs.code, logs.stdout]).toEqual([0, "begun\n"]);
    expect(logs.stderr).toContain("trouble\n");
    expect(logs.stderr).toContain("had written by the last checkpoint");
    expect((await away("job", "wait", "-s", id, "1")).code).toBe(125);
    expect((await away("session", "recover", id)).stdout).toContain("from the checkpoint of ");
    expect((await away("session", "diff", id)).stdout).toContain("+two");
    const closed = await away("session", "close", id);
    expect([closed.code, closed.stderr]).toEqual([1, expect.stringContaining(`glue session recover ${id}`)]);
    expect(leftovers("docker", id)).toEqual([]);
  },
  120_000,
);
