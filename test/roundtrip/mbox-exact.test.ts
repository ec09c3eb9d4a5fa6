// What glue says of the mbox is what git am, run on a clone by itself, makes of it.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { handStage, sh } from "../workspace/hand-stage.ts";
import { captureProven, landProven } from "../workspace/proof.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-mbox-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

const MAKE = "seq 1 9 >a; mkdir d; seq 1 50 >d/x; git add -A; git commit -qm start";
const PATCH_IN_MESSAGE = String.raw`x\n\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y`;

const CASES = [
  { title: "one edit that was not committed", inside: "echo 1 >>a", exact: true },
  {
    title: "commits that rename, and put a file where a folder was",
    inside:
      "echo 1 >>a; git commit -qam one; git mv d/x d/y; git commit -qm two; rm -r d; echo f >d; git add -A; git commit -qm three",
    exact: true,
  },
  {
    title: "a commit and loose binary work",
    inside: "echo 1 >>a; git commit -qam one; printf 'a\\0b' >bin",
    exact: true,
  },
  {
    title: "a merge",
    inside:
      "git checkout -qb s; echo 1 >n; git add n; git commit -qm n; git checkout -q main; echo 2 >>a; git commit -qam a; git merge -q --no-edit s",
    exact: false,
  },
  {
    title: "a message with a patch in it",
    inside: `echo 1 >>a; git commit -qam "$(printf '${PATCH_IN_MESSAGE}')"`,
    exact: false,
  },
  { title: "an empty commit", inside: "git commit -q --allow-empty -m empty; echo 1 >>a", exact: false },
  { title: "nothing but a tag", inside: "git tag -m note t", exact: false },
] as const;

const LOG = "git log --reverse --format='%an <%ae> %ad%n%B%n%T'";

for (const sha256 of [false, true]) {
  for (const { title, inside, exact } of CASES) {
    test(`${title}${sha256 ? ", in a SHA-256 repository" : ""}: git am ${exact ? "makes the same" : "does not make the same"}`, async () => {
      const staged = handStage(parent, MAKE, { sha256 });
      staged.inside(inside);
      const result = await captureProven(staged);
      if (result.status !== "captured") throw new Error("nothing was captured");
      const landed = await landProven(staged, result);
      expect(result.facts.mbox_exact).toBe(exact);
      sh(
        staged.root,
        "git clone -q user am; cd am; git am -q ../session/runtime.mbox >/dev/null 2>&1 || git am --abort || :",
      );
      const made = sh(join(staged.root, "am"), LOG);
      expect(made === staged.here(`${LOG} ${landed.branch}`)).toBe(exact || result.facts.commits === 0);
    }, 120_000);
  }
}
