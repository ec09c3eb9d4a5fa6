/** SIGKILL at random moments of a merge into the working tree, and of its undo: nothing is lost, and both can be begun again. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listRecords } from "../../workspace/in-place-record.ts";
import { handStage, type Staged } from "../workspace/hand-stage.ts";
import { captureProven } from "../workspace/proof.ts";
import { type Killed, killAfter } from "./killing.ts";
import { runs } from "./random-tree.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-kill-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

const RUNS = runs(12, 200).numRuns;
const MAKE =
  "for i in $(seq 1 300); do mkdir -p d$((i % 7)); seq $i 900 >d$((i % 7))/f$i; done; echo x >top; git add -A; git commit -qm start";
const WORK = `for i in $(seq 1 150); do echo more >>d$((i % 7))/f$i; done; rm -r d6; echo file >d6; for i in $(seq 1 150); do mkdir -p new/$i; echo $i >new/$i/f; done`;
const MEANWHILE =
  "for i in $(seq 100 250); do [ ! -e d$((i % 7))/f$i ] || sed -i 1s/^/mine/ d$((i % 7))/f$i; done; echo loose >loose; mkdir -m 700 kept; git add loose; chmod 640 top";

/** Names, modes and bytes of the working tree, and the index. */
function look(staged: Staged): string {
  return staged.here(
    `find . -path ./.git -prune -o -printf '%p|%y|%m|%l\\n' | LC_ALL=C sort
     find . -path ./.git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum; sha256sum .git/index; ls -A .git`,
  );
}

test(
  `a merge into the working tree that is killed can be taken back or begun again, and so can its undo (${RUNS} times)`,
  async () => {
    const staged = handStage(parent, MAKE);
    staged.inside(WORK);
    await captureProven(staged);
    staged.here(MEANWHILE);
    const before = look(staged);
    const run = async (what: Killed, ms = 120_000) => await killAfter(what, staged, ms);
    const started = performance.now();
    await run("in-place");
    const usual = performance.now() - started + 50;
    const after = look(staged);
    expect(after).not.toBe(before);
    await run("undo");
    expect(look(staged)).toBe(before);
    const hit = { killed: 0, halfway: 0 };
    for (let count = 0; count < RUNS; count++) {
      if (!(await run("in-place", usual * (0.2 + 0.8 * Math.random())))) hit.killed += 1;
      if (listRecords(staged.request.sessionDir).some(({ record }) => record.state === "started")) hit.halfway += 1;
      if (count % 2 === 0) {
        // Taken back, through two deaths on the way.
        for (let death = 0; death < 2; death++) if (!(await run("undo", usual * Math.random()))) hit.killed += 1;
        await run("undo");
        expect(look(staged)).toBe(before);
      } else {
        // Begun again, unless it was faster than its death: then it is done.
        const done = listRecords(staged.request.sessionDir).some(({ record }) => record.state === "done");
        if (!done) await run("in-place");
        // One that was killed when all was done may have left its folder aside, which goes with the undo.
        expect(look(staged).replace(/^\.glue-in-place-.*\n/m, "")).toBe(after);
        await run("undo");
        expect(look(staged)).toBe(before);
      }
    }
    expect(hit.killed).toBeGreaterThan(0);
    console.log(`killed ${hit.killed} times, of these ${hit.halfway} while files were written`);
  },
  RUNS * 20_000 + 60_000,
);
