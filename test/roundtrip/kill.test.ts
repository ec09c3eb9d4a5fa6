/** SIGKILL at random moments: the user's repository is as it was, what was saved before is readable, and a second try succeeds. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBundleHead } from "../../workspace/capture-bundle.ts";
import { handStage, sh } from "../workspace/hand-stage.ts";
import { captureProven, landProven, repositoryPrint } from "../workspace/proof.ts";
import { killAfter } from "./killing.ts";
import { runs } from "./random-tree.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-kill-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

const RUNS = runs(12, 200).numRuns;
const MAKE =
  "for i in $(seq 1 300); do mkdir -p d$((i % 7)); seq $i 2000 >d$((i % 7))/f$i; done; git add -A; git commit -qm start";
const WORK =
  "for i in $(seq 1 40); do echo more >>d$((i % 7))/f$i; done; git checkout -qb side; git commit -qam work; echo last >last";

test(
  `a capture that is killed loses nothing (${RUNS} times)`,
  async () => {
    const staged = handStage(parent, MAKE);
    const user = repositoryPrint(staged.user);
    const started = performance.now();
    staged.inside(WORK);
    await captureProven(staged);
    const usual = performance.now() - started + 100;
    let killed = 0;
    for (let run = 0; run < RUNS; run++) {
      staged.inside(`echo ${run} >>d1/f1; git add -A; git commit -qm run-${run}; echo ${run} >>last`);
      if (!(await killAfter("capture", staged, Math.random() * usual))) killed += 1;
      // What an earlier capture brought is still a whole bundle, whichever of the two it is.
      const head = readBundleHead(join(staged.request.sessionDir, "runtime.bundle"));
      expect(head.refs.length).toBeGreaterThan(1);
      expect(repositoryPrint(staged.user)).toBe(user);
      if (run % 3 === 2) await captureProven(staged);
    }
    const last = await captureProven(staged);
    expect(last.status === "captured" && last.facts.commits).toBe(RUNS + 2);
    expect(killed).toBeGreaterThan(0);
    await landProven(staged, last);
  },
  RUNS * 5_000 + 60_000,
);

test(
  `a landing that is killed leaves the repository whole, and a second one succeeds (${RUNS} times)`,
  async () => {
    const staged = handStage(parent, MAKE);
    staged.inside(WORK);
    const result = await captureProven(staged);
    let killed = 0;
    for (let run = 0; run < RUNS; run++) {
      staged.here("git branch -q -D glue/s1 2>/dev/null || :; git -c gc.reflogExpire=now gc -q --prune=now");
      const before = repositoryPrint(staged.user)
        .split("\n")
        .filter((line) => !line.includes("./.git/objects/"));
      if (!(await killAfter("land", staged, 40 + Math.random() * 260))) killed += 1;
      const after = repositoryPrint(staged.user)
        .split("\n")
        .filter((line) => !/\.git\/(objects|refs\/heads|logs\/refs\/heads)\b/.test(line));
      for (const line of after) expect(before).toContain(line);
      expect(staged.here("git fsck --full --strict --no-dangling 2>&1")).toBe("");
      if (existsSync(join(staged.user, ".git/refs/heads/glue/s1.lock")))
        sh(staged.user, "rm .git/refs/heads/glue/s1.lock");
    }
    expect(killed).toBeGreaterThan(0);
    staged.here("git branch -q -D glue/s1 2>/dev/null || :");
    await landProven(staged, result);
  },
  RUNS * 5_000 + 60_000,
);
