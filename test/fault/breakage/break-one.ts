/** One session that works on a copy, and one thing that breaks in it at a random moment: what of its work is left? */
import { realpathSync, rmSync } from "node:fs";
import { until } from "../../support/glue.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { randomFrom } from "../random.ts";
import { type Ended, runKilled, startKilled } from "./cut-short.ts";
import { keeperOf, runHome } from "./home.ts";
import { kindOf, type Mend, type Place, processesWith, RUNGS, type Rung, signalled } from "./place.ts";
import { project } from "./project.ts";
import { CHECKPOINT_MS, clock, ONE_CHECKPOINT_MS, Run, readTime, WORK } from "./run.ts";

/** How it went. */
export interface Outcome {
  readonly seed: number;
  readonly rung: Rung;
  readonly kind: string;
  /** `whole`: nothing was lost. `checkpoint`: what a checkpoint had. `too early`: it broke before anything was to be saved. */
  readonly saved: "whole" | "checkpoint" | "too early";
  /** From the last change that was saved to the moment it broke, in milliseconds. */
  readonly lostMs: number;
  readonly problems: readonly string[];
}

/** Breaks what the seed says. */
export async function breakOne(rung: Rung, seed: number): Promise<Outcome> {
  const random = randomFrom(seed * RUNGS.length + RUNGS.indexOf(rung));
  const kind = kindOf(rung, seed);
  const parent = realpathSync(tempDir());
  const place = await openPlace(rung, kind.name, parent);
  const disk = runHome(parent, kind.name === "the disk of `~/.glue` full");
  const run = new Run({ rung, kind, random, place, disk, cwd: project(parent) });
  try {
    const { broke, saved, hadBegun } = await (kind.name === "`session start` killed"
      ? startKilled(run)
      : kind.name === "`run` killed"
        ? runKilled(run)
        : sessionBroken(run));
    const lostMs = !hadBegun ? 0 : Math.max(0, broke - (saved ?? 0));
    // What was being written when it broke is no change yet.
    const whole = kind.fate === "stays" && saved !== undefined && lostMs < 1_500;
    if (hadBegun && kind.fate === "stays") run.check(`${lostMs} ms are lost`, whole);
    return {
      seed,
      rung,
      kind: kind.name,
      saved: whole ? "whole" : saved === undefined ? "too early" : "checkpoint",
      lostMs: saved === undefined ? 0 : lostMs,
      problems: run.problems,
    };
  } finally {
    await place.stop();
    disk.dispose();
    rmSync(parent, { recursive: true, force: true });
  }
}

/** `kind`: what is going to break, where that decides what the place is made of. `folder` is the run's own. */
export async function openPlace(rung: Rung, kind: string, folder: string): Promise<Place> {
  switch (rung) {
    case "host":
      return (await import("./host-place.ts")).hostPlace();
    case "docker":
      return await (await import("./docker-place.ts")).dockerPlace(kind);
    case "daytona":
      return await (await import("./daytona-place.ts")).daytonaPlace(folder);
    case "sprites":
      return await (await import("./sprites-place.ts")).spritesPlace(folder);
    case "modal":
      return await (await import("./modal-place.ts")).modalPlace();
  }
}

/** Where the thing that breaks needs an open session with a command in it. */
async function sessionBroken(run: Run): Promise<Ended> {
  const { kind, home, random } = run;
  const started = await run.glue("session", "start", "-q", ...run.opening);
  const id = started.stdout.trim();
  run.check("it starts", started.code === 0 && started.stderr === "", started);
  if (started.code !== 0) return { broke: 0, saved: undefined, hadBegun: false };
  try {
    await until("the keeper lives", () => keeperOf(home, id) !== undefined, 60_000);
    const child = run.start("exec", "-s", id, "-c", WORK);
    await child.stdout.getReader().read();
    const beganAt = clock();
    await Bun.sleep(200 + random() * 3_500);
    const { broke, mend } = await breakIt(run, id, child);
    run.check("the record can be read", (await run.glue("session", "list", "--json")).code === 0);
    if (mend !== undefined) {
      await Bun.sleep(random() * 4_000);
      await mend();
    }
    if (kind.goesOn === true) await goesOn(run, id);
    run.repositoryIsIntact();
    const recovered = await run.glue("session", "recover", "--json", id);
    const closed = await run.glue("session", "close", "-q", "--kill-jobs", id);
    child.kill("SIGKILL");
    // What never ends by itself has no status of its own.
    run.check("its end is not made up", (await child.exited) !== 0);
    if (kind.fate === "stays") run.check("it closes", closed.code === 0, closed);
    const { state } = run.meta(id);
    const expected = { stays: "closed", gone: "lost", silent: "open" }[kind.fate];
    run.check(`it is ${state}`, state === expected, closed);
    const saved = await run.lastSaved(id);
    if (kind.fate !== "stays") {
      const lostMs = broke - (saved ?? beganAt);
      run.check(`${lostMs} ms are lost`, lostMs <= CHECKPOINT_MS + ONE_CHECKPOINT_MS);
      if (saved !== undefined) run.check("it is recovered", recovered.code === 0, recovered);
    }
    if (kind.fate === "silent") await nobodyAnswers(run, id);
    else await run.nothingIsLeft(id);
    return { broke, saved, hadBegun: true };
  } finally {
    for (const pid of [keeperOf(home, id)?.pid]) if (pid !== undefined) process.kill(pid, "SIGKILL");
  }
}

/** A session whose service is silent is kept by everything, and the user can still give it up. */
async function nobodyAnswers(run: Run, id: string): Promise<void> {
  const pruned = await run.glue("prune", "--json", "--runtime", run.rung);
  run.check("prune says what it could not ask", JSON.parse(pruned.stdout).unasked.length === 1, pruned);
  run.check("the session is kept", run.meta(id).state === "open");
}

/** The session takes another command, and the first one is still at work. */
async function goesOn(run: Run, id: string): Promise<void> {
  const now = clock();
  const looked = await run.glue("exec", "-s", id, "-c", "sleep 0.3; cat now");
  run.check("the session goes on", looked.code === 0, looked);
  const seen = readTime(looked.stdout);
  run.check(`the command goes on: ${now - seen} ms behind`, seen >= now - 1_500);
}

/** Breaks it; resolves with when it was broken, in milliseconds by `clock`, and how that is taken back, where it is. */
async function breakIt(
  run: Run,
  id: string,
  child: ReturnType<Run["start"]>,
): Promise<{ broke: number; mend?: Mend | undefined }> {
  const { home, random } = run;
  const signalKeeper = (signal: NodeJS.Signals) => {
    const keeper = keeperOf(home, id);
    if (keeper !== undefined) process.kill(keeper.pid, signal);
    return keeper?.pid;
  };
  const broke = clock();
  switch (run.kind.name) {
    case "`exec` killed":
      child.kill("SIGKILL");
      return { broke };
    case "the keeper killed":
      signalKeeper("SIGKILL");
      return { broke };
    case "`exec` and the keeper killed":
      signalKeeper("SIGKILL");
      child.kill("SIGKILL");
      return { broke };
    case "the keeper hangs": {
      const pid = signalKeeper("SIGSTOP");
      return { broke, mend: () => void (pid === undefined || process.kill(pid, "SIGCONT")) };
    }
    case "every glue asleep for seconds": {
      // As when a laptop is closed: with all that it has started, and the service goes on.
      const mine = `\0GLUE_HOME=${home.root}\0`;
      const found = processesWith((environ) => environ.includes(mine)).map(({ pid }) => pid);
      const asleep = found.filter((pid) => signalled(pid, "SIGSTOP"));
      return { broke, mend: () => asleep.forEach((pid) => void signalled(pid, "SIGCONT")) };
    }
    case "the keeper killed in a checkpoint": {
      // In the middle of one, where there is a middle.
      const { checkpoint } = run.meta(id);
      await until("another checkpoint", () => run.meta(id).checkpoint?.at !== checkpoint?.at, 60_000);
      await Bun.sleep(CHECKPOINT_MS - 100 + random() * 400);
      signalKeeper("SIGKILL");
      return { broke: clock() };
    }
    case "`session close` killed": {
      const closing = run.start("session", "close", id);
      await Bun.sleep(random() * 1_500);
      closing.kill("SIGKILL");
      await closing.exited;
      // It may have stopped the work before it was killed.
      return { broke };
    }
    case "the disk of `~/.glue` full":
      run.disk.fill();
      return { broke, mend: () => run.disk.free() };
    default:
      return { broke, mend: await run.place.breakIt(run.kind.name, { home, meta: run.meta(id) }) };
  }
}
