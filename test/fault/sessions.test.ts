/**
 * Kills glue at random moments of a session's life, and asks what is left: nothing of ours after `prune`, everything of everybody else,
 * and a state on disk that the next glue reads. Seeded: `GLUE_TEST_SEED=n` repeats one run. `GLUE_TEST_FULL=1`: 200 runs a runtime.
 */
import { describe, expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Home, openHome } from "../../session/home.ts";
import { parseMeta } from "../../session/meta-schema.ts";
import { sessionIds } from "../../session/store.ts";
import { type GlueOptions, glue, runs, startGlue } from "../support/glue.ts";
import { IMAGES, type Need, testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { leftovers } from "./leftovers.ts";
import { randomFrom } from "./random.ts";

interface Rung {
  readonly runtime: "host" | "docker";
  readonly needs: readonly Need[];
  readonly args: readonly string[];
  /** A little longer than each step takes undisturbed: a kill at a random moment of it hits every part. Milliseconds. */
  readonly lasts: { readonly run: number; readonly start: number; readonly exec: number; readonly close: number };
}

const RUNGS: readonly Rung[] = [
  { runtime: "host", needs: ["linux"], args: ["-r", "host"], lasts: { run: 200, start: 130, exec: 160, close: 180 } },
  {
    runtime: "docker",
    needs: ["linux", "image:debian-nogit"],
    args: ["-r", "docker", "--set", `docker.image=${IMAGES["debian-nogit"]}`, "--set", "docker.fallback_to_host=false"],
    lasts: { run: 1_200, start: 800, exec: 400, close: 500 },
  },
];

const RUNS = process.env.GLUE_TEST_FULL === "1" ? 200 : 30;
const SEEDS =
  process.env.GLUE_TEST_SEED === undefined
    ? Array.from({ length: RUNS }, (_, i) => i + 1)
    : [Number(process.env.GLUE_TEST_SEED)];

/** What the command does in the sandbox: children of its own, one of which leaves its session. */
const BUSY = "setsid sleep 300 & sleep 300 & sleep 0.1; sleep 300";

for (const rung of RUNGS) {
  describe(`glue is killed on ${rung.runtime}`, () => {
    testNeeding(
      rung.needs,
      `${SEEDS.length} times at random moments of open, exec and close: prune leaves nothing of ours and touches nothing else`,
      async () => {
        const sibling = await openSibling(rung);
        try {
          let hits = 0;
          for (const seed of SEEDS) if (await oneRun(rung, seed)) hits += 1;
          // Kills that come too early or too late to matter show nothing.
          if (SEEDS.length > 1) expect(hits).toBeGreaterThan(SEEDS.length / 4);
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

/** One session that is killed somewhere, and the tidying up after it. True when the kill left something to tidy up. */
async function oneRun(rung: Rung, seed: number): Promise<boolean> {
  const random = randomFrom(seed);
  const parent = realpathSync(tempDir());
  const home = openHome({ GLUE_HOME: join(parent, "home") });
  const folder = join(parent, "project");
  mkdirSync(folder);
  const steps = ["run", "start", "exec", "close"] as const;
  const step = steps[Math.floor(random() * steps.length)] ?? "run";
  const delay = Math.floor(random() * rung.lasts[step]);
  const label = `seed ${seed}: ${step} killed after ${delay} ms`;
  try {
    await killAt(rung, home, folder, step, delay);
    // An open session that was not hit belongs to its folder; without it, it is an orphan like the others.
    rmSync(folder, { recursive: true });
    const ids = sessionIds(home);
    const pruned = await glue(home, ["prune", "--json"], { cwd: parent });
    expect([label, pruned]).toEqual([label, { code: 0, stdout: pruned.stdout, stderr: "" }]);
    for (const id of ids) expect([label, leftovers(rung.runtime, id)]).toEqual([label, []]);
    expect([label, unfinished(home)]).toEqual([label, []]);
    const again = await glue(home, ["prune", "--json"], { cwd: parent });
    const ours = JSON.parse(again.stdout).items.filter((item: { session: string }) => ids.includes(item.session));
    expect([label, ours]).toEqual([label, []]);
    return JSON.parse(pruned.stdout).items.some((item: { outcome: string }) => item.outcome === "released");
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}

async function killAt(rung: Rung, home: Home, cwd: string, step: keyof Rung["lasts"], delay: number): Promise<void> {
  const options: GlueOptions = { cwd };
  if (step === "run") return await killAfter(delay, startGlue(home, ["run", ...rung.args, "-c", BUSY], options));
  if (step === "start") return await killAfter(delay, startGlue(home, ["session", "start", ...rung.args], options));
  const started = await glue(home, ["session", "start", "-q", ...rung.args], options);
  expect([started.code, started.stderr]).toEqual([0, ""]);
  const id = started.stdout.trim();
  if (step === "exec") return await killAfter(delay, startGlue(home, ["exec", "-s", id, "-c", BUSY], options));
  const working = startGlue(home, ["exec", "-s", id, "-c", BUSY], options);
  await Bun.sleep(rung.lasts.exec / 2);
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
  const { stdout } = await glue(home, ["session", "start", "-q", ...rung.args], { cwd });
  const id = stdout.trim();
  const running = startGlue(home, ["exec", "-s", id, "--", "sleep", "3000"], { cwd });
  return {
    running,
    answers: async () => (await glue(home, ["exec", "-s", id, "--", "echo", "still here"], { cwd })).stdout,
    close: async () => {
      await glue(home, ["session", "close", id], { cwd });
      running.kill("SIGKILL");
      await running.exited;
    },
  };
}
