/** Containers that outlive their session, and the sessions that come back to them. */
import { expect, setDefaultTimeout } from "bun:test";
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Home, openHome } from "../../session/home.ts";
import { glue, REAL_ENGINE, startGlue } from "../support/glue.ts";
import { IMAGES, testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { docker } from "./support.ts";

setDefaultTimeout(120_000);

const SETTINGS = ["--set", `docker.image=${IMAGES["debian-git"]}`, "--set", "docker.fallback_to_host=false"];
const KEEP = ["--set", "docker.delete_on_close=false"];

/** A home, a folder with a file, and a glue that works there. */
function place() {
  const home: Home = openHome({ GLUE_HOME: tempDir() });
  const cwd = join(realpathSync(tempDir()), "project");
  mkdirSync(cwd);
  writeFileSync(join(cwd, "first"), "1\n");
  const at = async (...args: string[]) => await glue(home, args, { cwd, env: REAL_ENGINE });
  const start = async (...args: string[]) => {
    const ran = await at("session", "start", "-q", "-r", "docker", ...SETTINGS, ...args);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    return ran.stdout.trim();
  };
  const inside = async (id: string, script: string) => {
    const ran = await at("exec", "-s", id, "-c", script);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    return ran.stdout;
  };
  return { home, cwd, at, start, inside };
}

const stateOf = (name: string) => docker("container", "inspect", "--format", "{{.State.Status}}", name).out;

async function withContainer(id: string, use: (name: string) => Promise<void>): Promise<void> {
  try {
    await use(`glue-${id}`);
  } finally {
    docker("rm", "-f", `glue-${id}`);
  }
}

testNeeding(
  ["image:debian-git"],
  "a session on a copy that was kept is gone on with, and each brings back its own change",
  async () => {
    const { home, at, start, inside } = place();
    const first = await start("--copy", ...KEEP);
    await withContainer(first, async (name) => {
      await inside(first, "echo 2 >second && git add -A && git commit -qm second && touch /opt/cache");
      expect(await at("session", "close", "-q", first)).toMatchObject({ code: 0, stderr: "" });
      expect(stateOf(name)).toBe("exited");
      const pruned = await at("prune", "--json", "--runtime", "docker");
      expect(JSON.parse(pruned.stdout).items.filter((item: { session: string }) => item.session === first)).toEqual([]);
      expect(stateOf(name)).toBe("exited");

      // By the id of the session that kept it: on a copy again without being told.
      const second = await start("--attach", first);
      expect(second).not.toBe(first);
      expect(await inside(second, "cat second; ls /opt/cache; echo 3 >third")).toBe("2\n/opt/cache\n");
      const busy = await at("session", "start", "-r", "docker", ...SETTINGS, "--copy", "--attach", name);
      expect([busy.code, busy.stderr.includes(`is in use by session ${second}`)]).toEqual([1, true]);
      expect(await inside(second, "cat third")).toBe("3\n");
      expect(await at("session", "close", "-q", second)).toMatchObject({ code: 0, stderr: "" });
      expect(stateOf(name)).toBe("exited");
      const diff = await at("session", "diff", "--stat", second);
      expect([diff.stdout.includes("third"), diff.stdout.includes("second")]).toEqual([true, false]);

      // The work of the second was never committed inside: it is not mixed into a third session's.
      const third = await at("session", "start", "-r", "docker", ...SETTINGS, "--copy", "--attach", name);
      expect([third.code, third.stderr.includes("uncommitted changes")]).toEqual([1, true]);
      expect(stateOf(name)).toBe("exited");
      expect(readFileSync(join(home.sessions, first, "meta.json"), "utf8")).toContain('"kept": true');
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "a container that was kept for a folder serves that folder again, and no other",
  async () => {
    const { at, start, inside, cwd } = place();
    const first = await start(...KEEP);
    await withContainer(first, async (name) => {
      await inside(first, "touch /opt/cache");
      await at("session", "close", "-q", first);
      const elsewhere = await at(
        "session",
        "start",
        "-r",
        "docker",
        ...SETTINGS,
        "-C",
        realpathSync(tempDir()),
        "--attach",
        name,
      );
      expect([elsewhere.code, elsewhere.stderr.includes("mounted")]).toEqual([1, true]);
      const copy = await at("session", "start", "-r", "docker", ...SETTINGS, "--copy", "--attach", name);
      expect([copy.code, copy.stderr.includes("your files directly")]).toEqual([2, true]);
      const second = await start("--attach", name);
      expect(await inside(second, "ls /opt/cache; echo 2 >second")).toBe("/opt/cache\n");
      expect(readFileSync(join(cwd, "second"), "utf8")).toBe("2\n");
      // Given up, not closed: what was there before the session stays.
      expect(await at("session", "rm", "--force", "-q", second)).toMatchObject({ code: 0 });
      expect(stateOf(name)).toBe("exited");
      expect(await at("session", "rm", "-q", first)).toMatchObject({ code: 0 });
      const third = await start("--attach", name);
      await at("session", "close", "-q", third);
      expect(stateOf(name)).toBe("exited");
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "prune ends a session that took a container over, and leaves the container",
  async () => {
    const { home, cwd, at, start } = place();
    const first = await start("--copy", ...KEEP);
    await withContainer(first, async (name) => {
      await at("session", "close", "-q", first);
      const args = ["session", "start", "-q", "-r", "docker", ...SETTINGS, "--copy", "--attach", name];
      const killed = startGlue(home, args, { cwd, env: REAL_ENGINE });
      await Bun.sleep(500);
      killed.kill("SIGKILL");
      await killed.exited;
      await Bun.sleep(1_100);
      const pruned = JSON.parse((await at("prune", "--json", "--runtime", "docker", "--older-than", "1s")).stdout);
      expect(pruned.items.filter(({ outcome }: { outcome: string }) => outcome === "failed")).toEqual([]);
      expect(["exited", "running"]).toContain(stateOf(name));
      const again = await start("--copy", "--attach", name);
      await at("session", "close", "-q", again);
      expect(stateOf(name)).toBe("exited");
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "what glue did not make is not taken over, and what is not there is said",
  async () => {
    const { at } = place();
    const name = `someone-${process.pid}`;
    docker("create", "--name", name, IMAGES["debian-git"], "sleep", "300");
    try {
      const foreign = await at("session", "start", "-r", "docker", ...SETTINGS, "--copy", "--attach", name);
      expect([foreign.code, foreign.stderr.includes("was not made by glue")]).toEqual([1, true]);
      expect(stateOf(name)).toBe("created");
    } finally {
      docker("rm", name);
    }
    const missing = await at("session", "start", "-r", "docker", ...SETTINGS, "--copy", "--attach", "no-such-box");
    expect([missing.code, missing.stderr.includes("no container no-such-box")]).toEqual([1, true]);
    const host = await at("session", "start", "-r", "host", "--attach", "no-such-box");
    expect([host.code, host.stderr.includes("keeps no sandbox")]).toEqual([1, true]);
  },
);
