/** A service that says nothing for a while: nothing is lost, nothing is made up, and what needs no service is had meanwhile. */
import { expect } from "bun:test";
import { realpathSync } from "node:fs";
import { doubleProblem as daytonaProblem } from "../daytona/double.ts";
import { doubleProblem as modalProblem } from "../modal/double.ts";
import { doubleProblem as spritesProblem } from "../sprites/double.ts";
import { until } from "../support/glue.ts";
import { testUnless } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { openPlace } from "./breakage/break-one.ts";
import { runHome } from "./breakage/home.ts";
import type { Rung } from "./breakage/place.ts";
import { project } from "./breakage/project.ts";
import { Run } from "./breakage/run.ts";

const STALL_MS = 7_000;
const NUMBERS = 80;

const PROBLEMS = { daytona: daytonaProblem, sprites: spritesProblem, modal: modalProblem } as const;

for (const [rung, problem] of Object.entries(PROBLEMS) as [Rung, string | undefined][])
  testUnless(
    problem,
    `${rung} hangs: the patch is had meanwhile, and then the command goes on with no line lost`,
    async () => {
      const parent = realpathSync(tempDir());
      const hangs = "the service hangs for seconds";
      const place = await openPlace(rung, hangs, parent);
      const disk = runHome(parent, false);
      const kind = { name: hangs, fate: "stays" } as const;
      const run = new Run({ rung, kind, random: () => 0, place, disk, cwd: project(parent) });
      try {
        const started = await run.glue("session", "start", "-q", ...run.opening);
        expect([started.code, started.stderr]).toEqual([0, ""]);
        const id = started.stdout.trim();
        const work = `echo two >now; n=0; while [ $n -lt ${NUMBERS} ]; do n=$((n+1)); echo $n; sleep 0.1; done; exit 7`;
        const child = run.start("exec", "-s", id, "-c", work);
        const output = child.stdout.text();
        await until("a checkpoint", () => run.meta(id).checkpoint?.status === "captured", 30_000);
        const mend = await place.breakIt(hangs, { home: run.home, meta: run.meta(id) });
        const stalled = performance.now();
        const [listed, recovered, diff] = await Promise.all([
          run.glue("session", "list", "--json"),
          run.glue("session", "recover", id),
          run.glue("session", "diff", id),
        ]);
        expect(performance.now() - stalled).toBeLessThan(45_000);
        expect(JSON.parse(listed.stdout).sessions).toEqual([expect.objectContaining({ id, state: "open" })]);
        expect([recovered.code, recovered.stdout]).toEqual([0, expect.stringContaining("from the checkpoint of ")]);
        expect(diff.stdout).toContain("+two");
        // Nobody has taken the silence for an end.
        expect(child.exitCode).toBeNull();
        await Bun.sleep(Math.max(0, STALL_MS - (performance.now() - stalled)));
        await mend?.();
        expect(await child.exited).toBe(7);
        const numbers = Array.from({ length: NUMBERS }, (_, n) => `${n + 1}\n`).join("");
        expect(await output).toBe(numbers);
        const closed = await run.glue("session", "close", "-q", id);
        expect([closed.code, closed.stderr]).toEqual([0, ""]);
        await run.nothingIsLeft(id);
        expect(run.problems).toEqual([]);
      } finally {
        await place.stop();
        disk.dispose();
      }
    },
    150_000,
  );
