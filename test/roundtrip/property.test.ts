/**
 * Random trees, random work inside, and what must hold whatever it was: the tree here is the tree there, ids are kept, the user's
 * repository is untouched, a landing is exact. Thousands with GLUE_TEST_FULL=1, any number with GLUE_TEST_RUNS; GLUE_TEST_SEED
 * repeats a run.
 */
import { afterAll, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { handStage, sh } from "../workspace/hand-stage.ts";
import { captureProven, landProven } from "../workspace/proof.ts";
import { attempt, edit, path, runs, start, word } from "./random-tree.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-property-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

const branch = fc.constantFrom("main", "one", "two", "x/y");
const message = fc.oneof(
  fc.constantFrom(
    "plain",
    "[tag] subject",
    "two\nlines\n\nbody",
    "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n",
    "ünï ✓",
    "---\nafter",
  ),
  fc.string({ minLength: 1, maxLength: 30 }).map((text) => text.replaceAll("\0", "")),
);

const commit = message.map(
  (text) => `git add -A && git commit -q --cleanup=verbatim -m ${word(text === "" ? "m" : text)}`,
);

const step = fc.oneof(
  { weight: 22, arbitrary: edit },
  { weight: 5, arbitrary: commit },
  { weight: 2, arbitrary: path.map((name) => `git add -A -- ${word(`./${name}`)}`) },
  { weight: 1, arbitrary: path.map((name) => `git rm -q --cached -r -- ${word(`./${name}`)}`) },
  { weight: 2, arbitrary: branch.map((name) => `git checkout -q -b ${name}`) },
  { weight: 2, arbitrary: branch.map((name) => `git checkout -q -f ${name}`) },
  { weight: 2, arbitrary: branch.map((name) => `git merge -q --no-edit ${name}`) },
  { weight: 1, arbitrary: branch.map((name) => `git merge -q --no-edit -X ours --allow-unrelated-histories ${name}`) },
  { weight: 1, arbitrary: branch.map((name) => `git rebase -q ${name}`) },
  { weight: 1, arbitrary: branch.map((name) => `git cherry-pick ${name}`) },
  { weight: 1, arbitrary: branch.map((name) => `git branch -q -D ${name}`) },
  { weight: 1, arbitrary: branch.map((name) => `git tag -f -m note t-${name.replace("/", "-")}`) },
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      "git commit -q --allow-empty -m empty",
      "git commit -q -a --amend -m amended",
      "git checkout -q --detach",
      "git checkout -q --orphan fresh",
      "git reset -q --hard HEAD~1",
      "git reset -q --soft HEAD~1",
      "git stash -q -u",
      "git stash pop -q",
      "git -c gc.reflogExpire=now gc -q --prune=now",
      "git pack-refs --all",
      "git config core.autocrlf true",
      "git update-index --assume-unchanged a",
      "rm -rf .git",
      "git init -q -b anew",
      "echo '* text=auto' >.gitattributes",
    ),
  },
);

const RUNS = runs(40, 3000);

test(
  `whatever is done inside comes back whole and lands exactly (${RUNS.numRuns} random sessions)`,
  async () => {
    const property = fc.asyncProperty(
      start,
      fc.array(step, { maxLength: 14 }),
      fc.boolean(),
      async (make, steps, twice) => {
        const staged = handStage(parent, `${make}\necho always >always\ngit add -A\ngit commit -qm start`);
        try {
          // What cannot be done in this tree is not done; the rest still is.
          const half = twice ? Math.floor(steps.length / 2) : steps.length;
          const run = (some: readonly string[]) => staged.inside(attempt(some));
          run(steps.slice(0, half));
          if (twice) await captureProven(staged);
          run(steps.slice(half));
          const result = await captureProven(staged);
          // With such a rule the repository may convert content, which is landed (or refused) by other rules.
          const converts = steps.some((text) => text.includes(".gitattributes"));
          if (result.status === "captured" && !converts) await landProven(staged, result);
        } finally {
          sh("/", `rm -rf '${staged.root}'`);
        }
      },
    );
    await fc.assert(property, RUNS);
  },
  RUNS.numRuns * 5_000,
);
