/** Where a sandbox that had stopped runs again, its session goes on, with its files and its change. */
import { expect } from "bun:test";
import { realpathSync } from "node:fs";
import { doubleProblem as daytonaProblem } from "../daytona/double.ts";
import { missing, testUnless } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { openPlace } from "./breakage/break-one.ts";
import { runHome } from "./breakage/home.ts";
import type { Rung } from "./breakage/place.ts";
import { project } from "./breakage/project.ts";
import { Run } from "./breakage/run.ts";

/** A session with a first change in it, whose sandbox is then stopped by `kind`. */
async function withStopped(rung: Rung, kind: string, use: (run: Run, id: string) => Promise<void>): Promise<void> {
  const parent = realpathSync(tempDir());
  const place = await openPlace(rung, kind, parent);
  const disk = runHome(parent, false);
  const fate = "stays" as const;
  const run = new Run({ rung, kind: { name: kind, fate }, random: () => 0, place, disk, cwd: project(parent) });
  try {
    const id = (await run.glue("session", "start", "-q", ...run.opening)).stdout.trim();
    expect((await run.glue("exec", "-s", id, "-c", "echo first >now")).code).toBe(0);
    await place.breakIt(kind, { home: run.home, meta: run.meta(id) });
    await use(run, id);
    expect(await run.glue("exec", "-s", id, "-c", "cat now; echo second >>now")).toMatchObject({
      code: 0,
      stdout: "first\n",
    });
    const closed = await run.glue("session", "close", "-q", id);
    expect([closed.code, closed.stderr]).toEqual([0, ""]);
    expect((await run.glue("session", "diff", id)).stdout).toContain("+first\n+second\n");
    await run.nothingIsLeft(id);
    expect(run.problems).toEqual([]);
  } finally {
    await place.stop();
    disk.dispose();
  }
}

testUnless(
  missing("image:debian-git") ?? missing("image:busybox"),
  "a container that was killed is told as such, and when it is started again the session goes on",
  () =>
    withStopped("docker", "the container killed", async (run, id) => {
      const refused = await run.glue("exec", "-s", id, "--", "true");
      expect([refused.code, refused.stderr]).toEqual([125, expect.stringContaining("docker start brings it back")]);
      // Its files are there, so nothing is lost yet.
      expect(run.meta(id).state).toBe("open");
      const started = Bun.spawnSync(["docker", "start", `glue-${id}`], { env: { ...process.env, ...run.place.env } });
      expect(started.exitCode).toBe(0);
    }),
  90_000,
);

testUnless(
  daytonaProblem,
  "a sandbox of Daytona that was stopped is started by the next command",
  () => withStopped("daytona", "the sandbox stopped", async () => undefined),
  90_000,
);
