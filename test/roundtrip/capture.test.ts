import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CaptureFacts } from "../../workspace/capture.ts";
import { handStage } from "../workspace/hand-stage.ts";
import { captureProven, landProven } from "../workspace/proof.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-capture-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

const MAKE = `
  printf 'one\\ntwo\\nthree\\n' >a.txt
  mkdir -p src/deep
  printf 'int main;\\n' >src/main.c
  seq 1 400 >src/deep/numbers
  printf '\\000\\001\\377binary' >blob.bin
  ln -s a.txt link
  printf '#!/bin/sh\\n' >run.sh && chmod +x run.sh
  printf '*.log\\n' >.gitignore
  printf 'kept\\n' >tracked.log
  git add -A && git add -f tracked.log && git commit -qm 'the start'`;

interface Case {
  readonly title: string;
  readonly inside: string;
  /** What is expected of the facts, beside that everything is proven. */
  readonly facts?: Partial<CaptureFacts>;
  /** The tree, where ignore rules of outside the tree have a say: a git expression evaluated inside. */
  readonly tree?: string;
  /** Not landed: the case is about what came back. */
  readonly noLanding?: true;
}

const CASES: readonly Case[] = [
  {
    title: "an edit",
    inside: "echo four >>a.txt",
    facts: { commits: 1, files_changed: 1, mbox_exact: true, ids_kept: true },
  },
  { title: "an added file", inside: "mkdir new && echo x >new/file", facts: { files_changed: 1, mbox_exact: true } },
  { title: "a deleted file", inside: "rm src/main.c", facts: { files_changed: 1, mbox_exact: true } },
  { title: "a renamed file", inside: "mv src/deep/numbers moved", facts: { files_changed: 1, mbox_exact: true } },
  {
    title: "a mode that changed both ways",
    inside: "chmod +x a.txt; chmod -x run.sh",
    facts: { files_changed: 2, mbox_exact: true },
  },
  {
    title: "binary content",
    inside: "head -c 5000 /dev/urandom >blob.bin; printf '\\000' >n.bin",
    facts: { mbox_exact: true },
  },
  {
    title: "symbolic links: changed, dangling, absolute, out of the tree",
    inside: "ln -sfn src link; ln -s nowhere d; ln -s /etc/passwd abs; ln -s ../../x out",
    facts: { mbox_exact: true },
  },
  {
    title: "a file that became a directory, and the other way round",
    inside: "rm a.txt; mkdir a.txt; echo x >a.txt/y; rm -r src; echo z >src",
  },
  { title: "a directory that became a symbolic link to its contents", inside: "mv src other; ln -s other src" },
  {
    title: "names with newline, quote, backslash, dash, space and invalid UTF-8",
    inside: `for n in "$(printf 'new\\nline')" 'quo"te' 'back\\slash' '-dash' ' space ' "$(printf 'bad\\377')" "tab	x" 'ünï'; do echo "$n" >"$n"; done`,
  },
  {
    title: "an empty file and a file without a last newline",
    inside: ": >empty; printf 'no end' >>a.txt",
    facts: { mbox_exact: true },
  },
  { title: "carriage returns, which a plain git am would rewrite", inside: "printf 'a\\r\\nb\\r\\n' >crlf.txt" },
  { title: "the same file at the same size within the same moment", inside: "sed -i s/one/eno/ a.txt" },
  {
    title: "edits with their old times put back",
    inside: "touch -r a.txt stamp; printf 'ENO\\ntwo\\nthree\\n' >a.txt; touch -r stamp a.txt; rm stamp",
  },
  {
    title: "a commit",
    inside: "echo 4 >>a.txt; git commit -qam one",
    facts: { commits: 1, mbox_exact: true, ids_kept: true },
  },
  {
    title: "commits and then uncommitted work",
    inside: "echo 4 >>a.txt; git commit -qam one; echo 5 >>a.txt; git commit -qam two; echo 6 >>a.txt",
    facts: { commits: 3, mbox_exact: true },
  },
  {
    title: "staged and unstaged work in one file",
    inside: "echo 4 >>a.txt; git add a.txt; echo 5 >>a.txt",
    facts: { commits: 1 },
  },
  {
    title: "a commit with another author, date and encoding",
    inside:
      "echo 4 >>a.txt; GIT_AUTHOR_NAME='J. Døe' GIT_AUTHOR_DATE='1999-12-31T23:59:59+0930' git -c i18n.commitEncoding=ISO-8859-1 commit -qam \"$(printf 'caf\\351')\"",
    facts: { mbox_exact: false },
  },
  {
    title: "a message that contains a patch",
    inside:
      "echo 4 >>a.txt; printf 'subject\\n\\n---\\ndiff --git a/x b/x\\n--- a/x\\n+++ b/x\\n@@ -1 +1 @@\\n-a\\n+b\\n' >/tmp/glue-m.$$; git commit -qaF /tmp/glue-m.$$; rm /tmp/glue-m.$$",
    facts: { mbox_exact: false },
  },
  {
    title: "a subject in brackets and one over several lines",
    inside:
      "echo 4 >>a.txt; git commit -qam '[wip] [x] y'; echo 5 >>a.txt; git commit -qam \"$(printf 'first\\nsecond line\\n\\nbody')\"",
    facts: { commits: 2, mbox_exact: false },
  },
  {
    title: "an empty commit",
    inside: "git commit -q --allow-empty -m nothing",
    facts: { commits: 1, files_changed: 0, mbox_exact: false },
  },
  {
    title: "a clean merge",
    inside:
      "git checkout -qb side; echo x >x; git add x; git commit -qm x; git checkout -q main; echo 4 >>a.txt; git commit -qam y; git merge -q --no-ff -m merged side",
    facts: { commits: 3, mbox_exact: false, ids_kept: true },
  },
  {
    title: "a merge whose conflict was resolved",
    inside:
      "git checkout -qb side; echo x >a.txt; git commit -qam x; git checkout -q main; echo y >a.txt; git commit -qam y; git merge -q side || echo both >a.txt; git commit -qam resolved",
    facts: { commits: 3, mbox_exact: false },
  },
  {
    title: "several branches and tags",
    inside:
      "git branch idle; git tag light; git tag -a -m annotated v1; git checkout -qb other; echo 4 >>a.txt; git commit -qam other; git tag -a -m second v2; git checkout -q main; echo 5 >>a.txt",
    facts: { commits: 1 },
  },
  {
    title: "a detached HEAD",
    inside: "git checkout -q --detach; echo 4 >>a.txt; git commit -qam loose; echo 5 >>a.txt",
    facts: { commits: 2 },
  },
  {
    title: "an unfinished merge",
    inside:
      "git checkout -qb side; echo x >a.txt; git commit -qam x; git checkout -q main; echo y >a.txt; git commit -qam y; git merge -q side || true",
    facts: { commits: 2 },
  },
  {
    title: "an unfinished rebase",
    inside:
      "git checkout -qb side; echo x >a.txt; git commit -qam x; echo q >q; git add q; git commit -qm q; git checkout -q main; echo y >a.txt; git commit -qam y; git checkout -q side; git rebase -q main 2>/dev/null || true",
  },
  {
    title: "an unfinished git am",
    inside:
      "echo x >a.txt; git commit -qam x; git format-patch -q -1 --stdout >/tmp/glue-am.$$; git reset -q --hard HEAD~; echo y >a.txt; git commit -qam y; git am -q /tmp/glue-am.$$ 2>/dev/null || true; rm /tmp/glue-am.$$",
  },
  {
    title: "reset --hard to the start and new work",
    inside: "echo 4 >>a.txt; git commit -qam gone; git reset -q --hard HEAD~; echo 5 >>a.txt",
    facts: { commits: 1 },
  },
  {
    title: "stashed work",
    inside: "echo 4 >>a.txt; git stash -q; echo 5 >>src/main.c; git stash -q; echo 6 >z",
    facts: { commits: 1 },
  },
  {
    title: "git gc",
    inside:
      "echo 4 >>a.txt; git commit -qam one; git -c gc.reflogExpire=now gc -q --prune=now; git pack-refs --all; echo 5 >>a.txt",
    facts: { commits: 2 },
  },
  {
    title: "an amended start",
    inside: "echo 4 >>a.txt; git commit -q --amend -am 'another start'",
    facts: { commits: 1, ids_kept: false },
  },
  {
    title: "an orphan branch",
    inside: "git checkout -q --orphan new; git commit -qm root; echo 4 >>a.txt; git commit -qam next",
    facts: { commits: 2, ids_kept: false },
  },
  {
    title: "a branch that is not born yet",
    inside: "git checkout -q --orphan new; echo 4 >>a.txt",
    facts: { commits: 1 },
  },
  {
    title: "a second root that is merged in",
    inside:
      "git checkout -q --orphan new; git commit -qm root; git checkout -q main; echo 4 >>a.txt; git commit -qam x; git merge -q --allow-unrelated-histories -X ours -m both new",
    facts: { commits: 3, ids_kept: true },
  },
  {
    title: "rewritten history",
    inside:
      "for i in 1 2 3; do echo $i >>a.txt; git commit -qam c$i; done; GIT_SEQUENCE_EDITOR='sed -i 2d' git rebase -q -i -X theirs HEAD~3 2>/dev/null; echo 9 >>a.txt; git commit -q --amend -am rewritten",
    facts: { commits: 2, ids_kept: true },
  },
  { title: "a deleted .git", inside: "echo 4 >>a.txt; rm -rf .git", facts: { commits: 1 } },
  {
    title: "a .git that was made anew",
    inside: "rm -rf .git; echo 4 >>a.txt; git init -q -b fresh; git add -A; git commit -qm anew",
    facts: { commits: 2, ids_kept: false },
  },
  { title: "a broken .git", inside: "echo 4 >>a.txt; rm -rf .git/refs .git/HEAD", facts: { commits: 1 } },
  {
    title: "a locked index and a locked ref",
    inside: "echo 4 >>a.txt; : >.git/index.lock; : >.git/HEAD.lock; : >.git/refs/heads/main.lock",
    facts: { commits: 1 },
  },
  { title: "a garbled index", inside: "echo 4 >>a.txt; echo junk >.git/index", facts: { commits: 1 } },
  {
    title: "a hostile configuration",
    inside:
      "mkdir -p .git/hooks; for h in pre-commit reference-transaction post-index-change; do printf '#!/bin/sh\\ntouch /tmp/glue-hook-ran\\nexit 1\\n' >.git/hooks/$h; chmod +x .git/hooks/$h; done; git config commit.gpgSign true; git config gpg.program false; git config core.fsmonitor 'touch /tmp/glue-hook-ran'; git config core.autocrlf true; git config filter.x.clean 'tr a b'; git config filter.x.required true; git config core.excludesFile /dev/null; printf '* text=auto filter=x\\n' >.gitattributes; printf 'a\\r\\nb\\n' >mixed",
    noLanding: true,
  },
  {
    title: "a configuration that git cannot read",
    inside: "echo 4 >>a.txt; git checkout -qb b; git commit -qam b; echo '[[[' >>.git/config",
    facts: { commits: 1 },
    noLanding: true,
  },
  {
    title: "marks that hide a change from git status",
    inside:
      "git update-index --assume-unchanged a.txt; git update-index --skip-worktree src/main.c; echo 4 >>a.txt; echo 5 >>src/main.c",
    facts: { files_changed: 2 },
  },
  {
    title: "a split index with an untracked cache",
    inside: "git update-index --split-index --untracked-cache; echo 4 >>a.txt; git add a.txt; echo n >n",
    facts: { files_changed: 2 },
  },
  { title: "an intent to add", inside: "echo n >n; git add -N n", facts: { files_changed: 1 } },
  {
    title: "a .gitignore that hides more",
    inside: "echo '*.tmp' >>.gitignore; echo x >x.tmp; echo y >y",
    facts: { files_changed: 2 },
  },
  { title: "a .gitignore that hides less", inside: "echo x >x.log; rm .gitignore", facts: { files_changed: 2 } },
  {
    title: "a tracked file that is ignored, edited",
    inside: "echo x >>tracked.log; echo y >y.log",
    facts: { files_changed: 1 },
    tree: "edited-tracked",
  },
  {
    title: "an ignored file that was added by force",
    inside: "echo x >forced.log; git add -f forced.log; echo y >plain.log",
    facts: { files_changed: 1 },
    tree: "forced",
  },
  {
    title: "a file that is ignored and no longer tracked",
    inside: "git rm -q --cached a.txt; echo a.txt >>.gitignore; git commit -qam untracked",
    facts: { commits: 1, files_changed: 2 },
    tree: "HEAD",
  },
  {
    title: "rules in .git/info/exclude and in a global excludes file",
    inside:
      "echo secret >.git/info/exclude; echo x >secret; git config core.excludesFile $OUT/rules; echo other >$OUT/rules; echo y >other; echo z >shown",
    facts: { files_changed: 1 },
    tree: "excluded",
  },
  {
    title: "sparse checkout inside",
    inside: "git sparse-checkout set --no-cone '/*' '!/src/' 2>/dev/null; echo 4 >>a.txt",
    facts: { files_changed: 1 },
    tree: "sparse",
  },
  {
    title: "a repository that was made inside, with its history",
    inside:
      "mkdir -p lib/dep/in; cd lib/dep; git init -q -b trunk; echo '*.o' >.gitignore; echo d >d.c; echo o >d.o; git add -A; git commit -qm dep; echo e >e.c; cd in; git init -q; echo deep >deep; cd ../../..; mkdir hollow; git init -q hollow",
    facts: { files_changed: 4, commits: 1 },
    tree: "nested",
  },
  {
    title: "an empty directory, a fifo and a socket",
    inside: "mkdir void; mkfifo pipe; echo 4 >>a.txt",
    facts: { files_changed: 1 },
  },
  {
    title: "a fifo in place of a tracked file's directory",
    inside: "rm -r src; mkfifo src",
    facts: { files_changed: 2 },
  },
  {
    title: "a linked worktree with a detached commit",
    inside:
      "git worktree add -q --detach $OUT/wt; (cd $OUT/wt; echo w >w; git add w; git commit -qm w); echo 4 >>a.txt",
    facts: { commits: 1 },
  },
];

/** Trees that the plain rule (everything but what .gitignore hides) does not describe, built by hand from the start. */
const TREES: Readonly<Record<string, string>> = {
  "edited-tracked": "git update-index --add tracked.log",
  forced: "git update-index --add forced.log",
  HEAD: "git read-tree HEAD",
  excluded: "git update-index --add shown",
  sparse: "git update-index --add a.txt",
  nested:
    'for f in lib/dep/.gitignore lib/dep/d.c lib/dep/e.c lib/dep/in/deep; do printf "100644 %s\\t%s\\n" "$(git hash-object -w "$f")" "$f"; done | git update-index --index-info',
};

describe("a capture brings back", () => {
  for (const { title, inside, facts, tree, noLanding } of CASES) {
    test(title, async () => {
      const staged = handStage(parent, MAKE);
      staged.inside(inside);
      const expected =
        tree === undefined
          ? undefined
          : staged.inside(
              `export GIT_INDEX_FILE=$OUT/index GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.sparseCheckout GIT_CONFIG_VALUE_0=false
               git read-tree ${staged.base.base?.commit}; ${TREES[tree]}; git write-tree; rm $OUT/index`,
            );
      const result = await captureProven(staged, expected);
      expect(result.status).toBe("captured");
      if (result.status !== "captured") return;
      expect(result.facts).toMatchObject({ quiescent: true, truncated: false, ...facts });
      expect(await Bun.file("/tmp/glue-hook-ran").exists()).toBe(false);
      if (noLanding === undefined) await landProven(staged, result);
    }, 120_000);
  }
});
