/**
 * Kills glue at random moments of a session's life, and asks what is left: nothing of ours after `prune`, everything of everybody else,
 * and a state on disk that the next glue reads. Seeded: `GLUE_TEST_SEED=n` repeats one run, `n-m` a batch. `GLUE_TEST_FULL=1`: 200 runs a runtime.
 */
import { describe, expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Home, openHome } from "../../session/home.ts";
import { parseMeta } from "../../session/meta-schema.ts";
import { sessionIds } from "../../session/store.ts";
import { type GlueOptions, glue, REAL_ENGINE, runs, startGlue } from "../support/glue.ts";
import { IMAGES, type Need, testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { leftovers } from "./leftovers.ts";
import { randomFrom, seedsFrom } from "./random.ts";

interface Rung {
  readonly runtime: "host" | "docker";
  readonly needs: readonly Need[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

type Step = "run" | "start" | "exec" | "close";
/** How long each step takes undisturbed, on this machine and now. Milliseconds. */
type Lasts = Readonly<Record<Step, number>>;

const RUNGS: readonly Rung[] = [
  {
    runtime: "host",
    needs: ["linux"],
    args: ["-r", "host"],
    env: {},
  },
  {
    runtime: "docker",
    needs: ["linux", "image:debian-nogit"],
    args: ["-r", "docker", "--set", `docker.image=${IMAGES["debian-nogit"]}`, "--set", "docker.fallback_to_host=false"],
    env: REAL_ENGINE,
  },
];

const SEEDS = seedsFrom(process.env.GLUE_TEST_SEED, process.env.GLUE_TEST_FULL === "1" ? 200 : 30);

/** What the command does in the sandbox: children of its own, one of which leaves its session. */
const BUSY = "setsid sleep 300 & sleep 300 & sleep 0.1; sleep 300";

for (const rung of RUNGS) {
  describe(`glue is killed on ${rung.runtime}`, () => {
    testNeeding(
      rung.needs,
      `${SEEDS.length} times at random moments of open, exec and close: prune leaves nothing of ours and touches nothing else`,
      async () => {
        const lasts = await measure(rung);
        const sibling = await openSibling(rung);
        try {
          let hits = 0;
          for (const seed of SEEDS) if (await oneRun(rung, lasts, seed)) hits += 1;
          // Kills that come too early or too late to matter show nothing.
          if (SEEDS.length > 1) expect(hits).toBeGreaterThan(SEEDS.length / 10);
          expect(await sibling.answers()).toBe("still here\n");
          expect(runs(sibling.running.pid)).toBe(true);
        } finally {
          await sibling.close();
        }
      },
      SEEDS.length * 20_000,
    );
  });
}

/** Kills are aimed by the time that steps take here and now: a busy machine makes them all later. */
async function measure(rung: Rung): Promise<Lasts> {
  const home = openHome({ GLUE_HOME: join(tempDir(), "home") });
  const options: GlueOptions = { cwd: realpathSync(tempDir()), env: rung.env };
  const time = async (...args: string[]) => {
    const before = performance.now();
    const { code, stderr } = await glue(home, args, options);
    expect([code, stderr]).toEqual([0, ""]);
    return performance.now() - before;
  };
  return {
    start: await time("session", "start", "-q", ...rung.args),
    exec: await time("exec", "-c", ":"),
    close: await time("session", "close", "-q"),
    run: await time("run", ...rung.args, "-c", ":"),
  };
}

/** One session that is killed somewhere, and the tidying up after it. True when the kill left something to tidy up. */
async function oneRun(rung: Rung, lasts: Lasts, seed: number): Promise<boolean> {
  const random = randomFrom(seed);
  const parent = realpathSync(tempDir());
  const home = openHome({ GLUE_HOME: join(parent, "home") });
  const folder = join(parent, "project");
  mkdirSync(folder);
  const steps: readonly Step[] = ["run", "start", "exec", "close"];
  const step = steps[Math.floor(random() * steps.length)] ?? "run";
  const delay = Math.floor(random() * lasts[step] * 1.2);
  const label = `seed ${seed}: ${step} killed after ${delay} ms`;
  try {
    await killAt(rung, home, folder, step, delay, lasts);
    // An open session that was not hit belongs to its folder: without it, it is an orphan like the others; with it, it can be closed.
    if (rung.runtime === "host" && random() < 0.5) rmSync(folder, { recursive: true });
    const ids = sessionIds(home);
    const pruned = await prune(rung, home, parent);
    const released = pruned.filter(({ outcome }) => outcome === "released");
    const open = pruned.filter(({ outcome, why }) => outcome === "kept" && why.startsWith("it is open for"));
    expect([label, pruned.length - released.length - open.length, pruned]).toEqual([label, 0, pruned]);
    for (const { session } of open) {
      const closed = await glue(home, ["session", "close", session, "-q"], { cwd: parent, env: rung.env });
      expect([label, closed]).toEqual([label, { code: 0, stdout: "", stderr: "" }]);
    }
    for (const id of ids) expect([label, leftovers(rung.runtime, id)]).toEqual([label, []]);
    expect([label, unfinished(home)]).toEqual([label, []]);
    expect([label, await prune(rung, home, parent)]).toEqual([label, []]);
    return released.length > 0;
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}

/** What prune did about this home's own sessions: others on this machine may have left things behind at the same time. */
async function prune(
  rung: Rung,
  home: Home,
  cwd: string,
): Promise<{ session: string; outcome: string; why: string }[]> {
  const ids = sessionIds(home);
  const { stdout, stderr } = await glue(home, ["prune", "--json", "--runtime", rung.runtime], { cwd, env: rung.env });
  const { items, unasked } = JSON.parse(stdout);
  expect([stderr, unasked]).toEqual(["", []]);
  return items.filter((item: { session: string }) => ids.includes(item.session));
}

async function killAt(rung: Rung, home: Home, cwd: string, step: Step, delay: number, lasts: Lasts): Promise<void> {
  const options: GlueOptions = { cwd, env: rung.env };
  if (step === "run") return await killAfter(delay, startGlue(home, ["run", ...rung.args, "-c", BUSY], options));
  if (step === "start") return await killAfter(delay, startGlue(home, ["session", "start", ...rung.args], options));
  const started = await glue(home, ["session", "start", "-q", ...rung.args], options);
  expect([started.code, started.stderr]).toEqual([0, ""]);
  const id = started.stdout.trim();
  if (step === "exec") return await killAfter(delay, startGlue(home, ["exec", "-s", id, "-c", BUSY], options));
  const working = startGlue(home, ["exec", "-s", id, "-c", BUSY], options);
  await Bun.sleep(lasts.exec / 2);
  await killAfter(delay, startGlue(home, ["session", "close", id], options));
  working.kill("SIGKILL");
  await working.exited;
}

async function killAfter(delay: number, child: ReturnType<typeof startGlue>): Promise<void> {
  await Bun.sleep(delay);
  child.kill("SIGKILL");
  await child.exited;
}

/** The sessions that are not over; a record that cannot be read throws. Killed before its first record, a session is an empty folder. */
function unfinished(home: Home): string[] {
  return sessionIds(home)
    .filter((id) => readdirSync(join(home.sessions, id)).length > 0)
    .map((id) => parseMeta(readFileSync(join(home.sessions, id, "meta.json"), "utf8"), id))
    .filter(({ state }) => state !== "closed" && state !== "failed")
    .map(({ id, state }) => `${id} ${state}`);
}

/** Somebody else's session on the same runtime, in a home of its own, with a command in it. */
async function openSibling(rung: Rung) {
  const home = openHome({ GLUE_HOME: join(tempDir(), "home") });
  const cwd = realpathSync(tempDir());
  const { stdout } = await glue(home, ["session", "start", "-q", ...rung.args], { cwd, env: rung.env });
  const id = stdout.trim();
  const running = startGlue(home, ["exec", "-s", id, "--", "sleep", "3000"], { cwd, env: rung.env });
  return {
    running,
    answers: async () =>
      (await glue(home, ["exec", "-s", id, "--", "echo", "still here"], { cwd, env: rung.env })).stdout,
    close: async () => {
      await glue(home, ["session", "close", id], { cwd, env: rung.env });
      running.kill("SIGKILL");
      await running.exited;
    },
  };
}
