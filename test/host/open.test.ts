import { describe, expect, test } from "bun:test";
import { realpathSync } from "node:fs";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { glue, startGlue, until } from "../support/glue.ts";
import { tempDir } from "../support/temp-dir.ts";

const only = (home: ReturnType<typeof freshHome>) => readMeta(sessionFolder(home, sessionIds(home)[0] ?? ""));

describe("a runtime where nothing listens", () => {
  test("is replaced where its option allows it, with a notice that not even --quiet hides", async () => {
    const [home, cwd] = [freshHome(), realpathSync(tempDir())];
    const ran = await glue(home, ["run", "-q", "--json", "-r", "docker", "--", "echo", "hi"], { cwd });
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain("NOT in docker: this runs on the host");
    const last = JSON.parse(ran.stdout.trim().split("\n").at(-1) ?? "");
    expect(last).toMatchObject({ requestedRuntime: "docker", runtime: "host", exitCode: 0 });
    expect(only(home)).toMatchObject({ state: "closed", requestedRuntime: "docker", runtime: "host" });
  });

  test("is a failure where the option forbids it, and runs nothing", async () => {
    const [home, cwd] = [freshHome(), realpathSync(tempDir())];
    const args = ["run", "-r", "docker", "--set", "docker.fallback_to_host=false", "--", "echo", "hi"];
    const ran = await glue(home, args, { cwd });
    expect([ran.code, ran.stdout]).toEqual([125, ""]);
    expect(only(home)).toMatchObject({ state: "failed", runtime: "docker" });
    expect((await glue(home, ["session", "list", "-q"], { cwd })).stdout).toBe("");
  });
});

describe("a session of a glue that runs", () => {
  test("is closed and removed by that glue alone", async () => {
    const [home, cwd] = [freshHome(), realpathSync(tempDir())];
    const child = startGlue(home, ["run", "-r", "host", "--", "sleep", "300"], { cwd });
    await until("the session is open", () => sessionIds(home).length === 1 && isOpen());
    const [id = ""] = sessionIds(home);
    for (const args of [
      ["close", id],
      ["rm", "--force", id],
    ]) {
      const refused = await glue(home, ["session", ...args], { cwd });
      expect([refused.code, refused.stderr.includes(`belongs to a glue that runs (process ${child.pid})`)]).toEqual([
        1,
        true,
      ]);
    }
    child.kill("SIGTERM");
    await child.exited;
    expect(only(home).state).toBe("closed");

    function isOpen(): boolean {
      try {
        return only(home).state === "open";
      } catch {
        // Not written yet.
        return false;
      }
    }
  }, 120_000);

  test("is not taken for the open session of its folder", async () => {
    const [home, cwd] = [freshHome(), realpathSync(tempDir())];
    const child = startGlue(home, ["run", "-r", "host", "--", "sleep", "300"], { cwd });
    await until("the session is there", () => sessionIds(home).length === 1);
    expect((await glue(home, ["exec", "--", "true"], { cwd })).stderr).toContain("No session is open");
    child.kill("SIGTERM");
    await child.exited;
  }, 120_000);
});

test("a folder that cannot be worked in is refused before anything is recorded", async () => {
  const home = freshHome();
  for (const cwd of ["/no/such/folder", "/dev/null"]) {
    const ran = await glue(home, ["run", "-r", "host", "-C", cwd, "--", "true"], { cwd: "/" });
    expect([ran.code, ran.stderr.includes(cwd)]).toEqual([2, true]);
  }
  expect(sessionIds(home)).toEqual([]);
});
