/**
 * Random work inside and random edits here meanwhile: a merge in place makes what git's own merge makes of the same three trees, touches
 * neither index nor HEAD, and its undo brings every byte and mode back.
 */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { isGlueError } from "../../spec/glue-error.ts";
import { capture } from "../../workspace/capture.ts";
import { landInPlace } from "../../workspace/in-place.ts";
import { undoInPlace } from "../../workspace/in-place-undo.ts";
import { handStage, type Staged, sh } from "../workspace/hand-stage.ts";
import { treeOnDisk } from "../workspace/proof.ts";
import { attempt, edit, runs, start } from "./random-tree.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-property-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

const RUNS = runs(12, 1000);

function look(staged: Staged): string {
  return staged.here(
    `find . -path ./.git -prune -o -printf '%p|%y|%m|%l\\n' | LC_ALL=C sort
     find . -path ./.git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum; sha256sum .git/index; cat .git/HEAD; ls -A .git`,
  );
}

/** What `git merge` leaves on disk, as a tree; undefined where it has conflicts. */
function mergedByGit(staged: Staged, ours: string, theirs: string): string | undefined {
  const base = staged.base.base?.tree;
  return sh(
    staged.root,
    `rm -rf oracle; git init -q oracle; cd oracle; git config merge.directoryRenames false
     echo "$PWD/../user/.git/objects" >.git/objects/info/alternates; echo '${join(staged.request.gitDir, "objects")}' >>.git/objects/info/alternates
     echo '${join(staged.root, "ours/.git/objects")}' >>.git/objects/info/alternates
     echo '* -text -filter -ident -eol -working-tree-encoding' >.git/info/attributes
     b=$(git commit-tree -m b ${base}); o=$(git commit-tree -p $b -m o ${ours}); t=$(git commit-tree -p $b -m t ${theirs})
     git reset -q --hard $o; if git merge -q --no-edit $t >/dev/null 2>&1; then git rev-parse HEAD^{tree}; fi`,
  );
}

test(
  `a merge in place is git's own merge, and can be taken back (${RUNS.numRuns} random sessions)`,
  async () => {
    const property = fc.asyncProperty(
      start,
      fc.array(edit, { minLength: 1, maxLength: 6 }),
      fc.array(edit, { maxLength: 5 }),
      async (make, inside, meanwhile) => {
        const staged = handStage(parent, `${make}\necho always >always\ngit add -A\ngit commit -qm start`);
        try {
          staged.inside(attempt(inside));
          const captured = await capture(staged.sandbox, staged.request);
          if (captured.status === "nothing") return;
          staged.here(attempt(meanwhile));
          const before = look(staged);
          const ours = treeOnDisk(staged.user);
          sh(
            staged.root,
            "rm -rf ours; cp -a user ours; cd ours; echo '* -text -filter' >.git/info/attributes; git add -A; git commit -qm ours --allow-empty",
          );
          const result = await landInPlace({
            ...staged.request,
            sessionId: "s1",
            target: staged.user,
            home: join(staged.root, "home"),
          }).catch((error: unknown) => {
            if (isGlueError(error, "landRefused")) return undefined;
            throw error;
          });
          if (result?.record === undefined) {
            expect(look(staged)).toBe(before);
            return;
          }
          expect(result.moved).toEqual([]);
          const wanted = mergedByGit(staged, ours, captured.tree);
          expect(wanted !== "").toBe(result.conflicts.length === 0);
          if (wanted !== "") expect(treeOnDisk(staged.user)).toBe(wanted ?? "");
          await undoInPlace(result.record);
          expect(look(staged)).toBe(before);
        } finally {
          sh("/", `rm -rf '${staged.root}'`);
        }
      },
    );
    await fc.assert(property, RUNS);
  },
  RUNS.numRuns * 8_000,
);
