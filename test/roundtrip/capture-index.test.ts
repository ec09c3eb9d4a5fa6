// What is staged inside and nowhere else: the working tree was changed again, or the file is gone.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { handStage, sh } from "../workspace/hand-stage.ts";
import { captureProven, landProven } from "../workspace/proof.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-index-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

const MAKE = "seq 1 9 >a; seq 1 9 >b; mkdir d; echo x >d/x; git add -A; git commit -qm start";
const INDEX = "refs/glue/pending/index";

const CASES = [
  { title: "changed again on disk", inside: "echo staged >>a; git add a; echo disk >a", file: "a", text: "staged" },
  { title: "put back on disk", inside: "echo staged >>a; git add a; seq 1 9 >a", file: "a", text: "staged" },
  { title: "added and then removed", inside: "echo staged >new; git add new; rm new", file: "new", text: "staged" },
  {
    title: "on top of a commit",
    inside: "echo one >>a; git commit -qam one; echo staged >>a; git add a; echo two >>a; echo b >>b",
    file: "a",
    text: "staged",
  },
] as const;

for (const { title, inside, file, text } of CASES) {
  test(`staged content comes back with a capture where it was ${title}, and stays with the next one`, async () => {
    const staged = handStage(parent, MAKE);
    staged.inside(inside);
    for (const more of [":", "echo more >>b", "rm -rf .git"]) {
      staged.inside(more);
      const result = await captureProven(staged);
      expect(result.status).toBe("captured");
      if (result.status !== "captured") return;
      expect(result.refs.map(({ name }) => name)).toContain(INDEX);
      expect(sh(staged.root, `git --git-dir=check show refs/got/glue/pending/index:${file}`)).toEndWith(text);
      if (more === "rm -rf .git") await landProven(staged, result);
    }
  }, 120_000);
}

test("what is staged as it is on disk, or as it is committed, needs no ref of its own", async () => {
  const staged = handStage(parent, MAKE);
  staged.inside("echo staged >>a; git add a; echo b >>b; git rm -q --cached d/x");
  const result = await captureProven(staged);
  expect(result.status === "captured" && result.refs.map(({ name }) => name)).toEqual(["refs/heads/main"]);
}, 120_000);
