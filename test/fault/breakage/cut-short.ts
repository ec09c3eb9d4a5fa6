/** A `glue session start` or `glue run` that is killed at any moment of its life. */
import { sessionIds } from "../../../session/store.ts";
import { clock, type Run, WORK } from "./run.ts";

/** As `broke` and `saved` of an outcome: milliseconds by `clock`. */
export interface Ended {
  readonly broke: number;
  /** Undefined where nothing was saved. */
  readonly saved: number | undefined;
  /** Whether a command had begun to change something. */
  readonly hadBegun: boolean;
}

export async function startKilled(run: Run): Promise<Ended> {
  const child = run.start("session", "start", "-q", ...run.opening);
  await Bun.sleep(run.random() * 2_500);
  const broke = clock();
  child.kill("SIGKILL");
  await child.exited;
  run.repositoryIsIntact();
  const pruned = await run.glue("prune", "--json", "--runtime", run.rung);
  run.check("prune works", pruned.code === 0, pruned);
  const [id] = sessionIds(run.home);
  if (id !== undefined) {
    const { state } = run.meta(id);
    // It had come to its end, but for saying so.
    if (state === "open") {
      const closed = await run.glue("session", "close", "-q", id);
      run.check("it closes", closed.code === 0, closed);
    }
    run.check(`it is ${run.meta(id).state}`, ["failed", "closed"].includes(run.meta(id).state));
  }
  await run.nothingIsLeft(id);
  return { broke, saved: undefined, hadBegun: false };
}

export async function runKilled(run: Run): Promise<Ended> {
  const child = run.start("run", ...run.opening, "-c", WORK);
  const begun = child.stdout
    .getReader()
    .read()
    .then(({ done }) => !done);
  // Not all of them before it has begun, and not all of them after.
  const ms = run.random() * 5_000;
  if (run.random() < 0.5) await Promise.race([begun, child.exited]);
  await Bun.sleep(ms);
  const broke = clock();
  const hadBegun = await Promise.race([begun, Bun.sleep(0).then(() => false)]);
  child.kill("SIGKILL");
  await child.exited;
  run.repositoryIsIntact();
  const pruned = await run.glue("prune", "--json", "--runtime", run.rung);
  run.check("prune works", pruned.code === 0, pruned);
  const [id] = sessionIds(run.home);
  if (id === undefined) {
    run.check("a run that has begun is on record", !hadBegun);
    await run.nothingIsLeft(id);
    return { broke, saved: undefined, hadBegun };
  }
  const { state } = run.meta(id);
  run.check(`it is ${state}: ${pruned.stdout}`, state === "closed" || (state === "failed" && !hadBegun));
  const saved = await run.lastSaved(id);
  run.check("what was done is saved", !hadBegun || saved !== undefined);
  await run.nothingIsLeft(id);
  return { broke, saved, hadBegun };
}
