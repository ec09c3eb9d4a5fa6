/** Landing, in every state that the repository may be in by then. */
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openHome } from "../../session/home.ts";
import { isGlueError } from "../../spec/glue-error.ts";
import { capture } from "../../workspace/capture.ts";
import { land } from "../../workspace/land.ts";
import { glue } from "../support/glue.ts";
import { whereEnv, whereFlags } from "../support/roundtrip-on.ts";
import { tempDir } from "../support/temp-dir.ts";
import { handStage, PLAIN_ENV, type Staged, sh } from "../workspace/hand-stage.ts";

const SLOW = 300_000;
const FSCK = "git fsck --full --strict --no-dangling 2>&1";

/** A session with a change, from a repository whose tree was dirty: its folder, and a way to run glue there. */
async function session(work = "echo four >>a; echo new >new", dirty = "echo three >>a; echo fresh >fresh") {
  const root = tempDir();
  const user = join(root, "user");
  mkdirSync(user);
  sh(user, `git init -q -b main .; seq 1 9 >a; seq 1 9 >b; git add -A; git commit -qm start; ${dirty}`);
  const home = openHome({ GLUE_HOME: join(root, "home") });
  const run = (...args: string[]) => glue(home, args, { cwd: user, env: { ...PLAIN_ENV, ...whereEnv() } });
  const ran = await run("run", "--copy", ...whereFlags(), "--", "sh", "-c", work);
  expect(ran.code).toBe(0);
  const id = sh(home.sessions, "ls");
  const state = () =>
    sh(
      user,
      "export GIT_OPTIONAL_LOCKS=0; git status --porcelain; git stash list; git symbolic-ref -q HEAD || git rev-parse HEAD; sha256sum a b .git/index",
    );
  return { root, user, home, id, run, state, here: (script: string) => sh(user, script) };
}

describe("apply makes the branch and touches nothing else", () => {
  test.each([
    ["a tree that is dirty in the same files", "echo mine >>a; echo other >new"],
    ["a HEAD that has moved on", "git commit -qam moved; git commit -q --allow-empty -m more"],
    [
      "another branch, with the start on none",
      "git checkout -q --orphan else; git commit -qm else; git branch -q -D main",
    ],
    ["a detached HEAD", "git checkout -q --detach"],
    [
      "a rebase under way",
      "git commit -qam x; git checkout -qb side HEAD~; echo y >a; git commit -qam y; git rebase main >/dev/null 2>&1 || :",
    ],
    [
      "a git am under way",
      "echo x >a; git commit -qam x; git format-patch -q -1 -o ..; git reset -q --hard HEAD~; echo y >a; git commit -qam y; git am -q ../0001-x.patch >/dev/null 2>&1 || :",
    ],
    [
      "a merge under way",
      "git commit -qam x; git checkout -qb side HEAD~; echo y >a; git commit -qam y; git merge main >/dev/null 2>&1 || :",
    ],
    ["a locked index", ": >.git/index.lock"],
    [
      "hooks that fail",
      "mkdir -p .git/hooks; for h in reference-transaction post-checkout pre-commit; do printf '#!/bin/sh\\nexit 1\\n' >.git/hooks/$h; chmod +x .git/hooks/$h; done",
    ],
    ["an amended start, which no ref leads to any more", "git commit -q -a --amend -m amended"],
  ])(
    "with %s",
    async (_, before) => {
      const { run, state, here, id, user } = await session();
      const head = here("git rev-parse HEAD");
      here(before);
      const was = state();
      const applied = await run("session", "apply", id);
      expect(applied.stderr).not.toContain("error");
      expect(applied.stdout).toStartWith("applied exactly · tree ");
      expect(state()).toBe(was);
      expect(here(FSCK)).toBe("");
      expect(here(`git rev-parse glue/${id}~2; git diff --name-only glue/${id}~1 glue/${id}`)).toBe(`${head}\na\nnew`);
      sh(user, "rm -f .git/index.lock; rm -rf .git/hooks; git -c gc.reflogExpire=now gc -q --prune=now");
      expect(here(FSCK)).toBe("");
    },
    SLOW,
  );

  test(
    "twice: the second time says so; another branch of that name is not touched",
    async () => {
      const { run, here, id } = await session();
      await run("session", "apply", id);
      expect((await run("session", "apply", id)).stdout).toStartWith("already applied exactly");
      here(`git branch -q -f glue/${id} main`);
      const refused = await run("session", "apply", id);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("exists already");
      expect(refused.stderr).toContain("--branch");
      expect((await run("session", "apply", id, "--branch", "try/this")).code).toBe(0);
      expect(here(`git rev-parse try/this~2 glue/${id}`).split("\n")[0]).toBe(here("git rev-parse main"));
      expect((await run("session", "apply", id, "--branch", "no..such")).code).toBe(2);
      here("git branch -q glue-x; git branch -q -D try/this; git branch -q try");
      expect((await run("session", "apply", id, "--branch", "try/this")).stderr).toContain("cannot be made");
    },
    SLOW,
  );

  test(
    "when glue's caches are gone",
    async () => {
      const { run, home, id, here } = await session();
      sh(home.root, "rm -rf cache");
      expect((await run("session", "apply", id)).stdout).toStartWith("applied exactly");
      expect(here(FSCK)).toBe("");
    },
    SLOW,
  );

  test(
    "from a folder below, and into a linked worktree and a bare clone",
    async () => {
      const { run, root, user, id, here } = await session();
      sh(user, "git worktree add -q ../linked; git clone -q --bare . ../bare.git");
      expect((await run("session", "apply", id, "--target", "../linked", "--branch", "w")).code).toBe(0);
      expect((await run("session", "apply", id, "--target", "../bare.git")).code).toBe(0);
      expect(sh(join(root, "bare.git"), `git rev-parse glue/${id}`)).toBe(here("git rev-parse w"));
      expect(sh(join(root, "bare.git"), FSCK)).toBe("");
    },
    SLOW,
  );

  test(
    "into a clone that has the start; one that has not is refused and stays as it was",
    async () => {
      const { run, root, user, id } = await session();
      sh(root, "git clone -q user clone; git init -q stranger; cd stranger; git commit -q --allow-empty -m x");
      sh(user, "git gc -q --prune=now");
      expect((await run("session", "apply", id, "--target", "../clone")).code).toBe(0);
      expect(sh(join(root, "clone"), FSCK)).toBe("");
      const before = sh(join(root, "stranger"), "find .git -type f | sort | xargs sha256sum");
      const refused = await run("session", "apply", id, "--target", "../stranger");
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("which the session started from");
      expect(sh(join(root, "stranger"), "find .git -type f | sort | xargs sha256sum")).toBe(before);
    },
    SLOW,
  );
});

test("a target without the start takes a change whose start has no history: the session holds all of it", async () => {
  const staged = handStage(tempDir(), "echo a >a; git add -A; git commit -qm start");
  staged.inside("echo more >>a; echo b >b");
  const result = await capture(staged.sandbox, staged.request);
  const stranger = join(staged.root, "stranger");
  sh(staged.root, "git init -q stranger; cd stranger; git commit -q --allow-empty -m other");
  const before = sh(stranger, "git rev-parse HEAD; git status --porcelain; git for-each-ref");
  const landed = await land({ ...staged.request, sessionId: "s1", target: stranger });
  expect(landed.tree).toBe(result.tree);
  sh(stranger, "git -c gc.reflogExpire=now gc -q --prune=now");
  expect(sh(stranger, FSCK)).toBe("");
  expect(sh(stranger, "git cat-file -p glue/s1:b; git log --format=%s glue/s1")).toBe("b\nuncommitted work\nstart");
  sh(stranger, "git branch -q -D glue/s1");
  expect(sh(stranger, "git rev-parse HEAD; git status --porcelain; git for-each-ref")).toBe(before);
}, 120_000);

describe("apply --checkout", () => {
  test(
    "switches a clean tree",
    async () => {
      const { run, here, id } = await session("echo 4 >>a", ":");
      expect((await run("session", "apply", id, "--checkout")).code).toBe(0);
      expect(here("git symbolic-ref --short HEAD; git status --porcelain; tail -n1 a")).toBe(`glue/${id}\n4`);
    },
    SLOW,
  );

  test(
    "switches a tree that is still as it was when the session opened",
    async () => {
      const { run, here, id } = await session();
      expect((await run("session", "apply", id, "--checkout")).code).toBe(0);
      expect(here("git symbolic-ref --short HEAD; git status --porcelain; tail -n2 a; cat new fresh")).toBe(
        `glue/${id}\nthree\nfour\nnew\nfresh`,
      );
    },
    SLOW,
  );

  test.each([
    ["an edit that exists nowhere else", "echo mine >>a"],
    ["an untracked file in the way", "echo mine >new"],
    ["staged content that is not on disk", "echo staged >b; git add b; seq 1 9 >b"],
  ])(
    "is refused with %s; the branch is there and nothing was lost",
    async (_, before) => {
      const { run, state, here, id } = await session();
      here(before);
      const was = state();
      const refused = await run("session", "apply", id, "--checkout");
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("was not checked out");
      expect(state()).toBe(was);
      expect(here(`git rev-parse --verify -q glue/${id}`)).not.toBe("");
    },
    SLOW,
  );

  test(
    "is refused while a rebase is under way",
    async () => {
      const { run, here, id } = await session("echo 4 >>a", ":");
      here(
        "echo x >a; git commit -qam x; git checkout -qb side HEAD~; echo y >a; git commit -qam y; git rebase main >/dev/null 2>&1 || :",
      );
      expect((await run("session", "apply", id, "--checkout")).stderr).toContain("a rebase is under way");
    },
    SLOW,
  );
});

test(
  "objects that git fsck rejects do not get in",
  async () => {
    const staged = handStage(tempDir(), "echo a >a; git add -A; git commit -qm start");
    staged.inside(
      `tree=$(printf '100644 blob %s\\t.gitmodules\\n' "$(printf '[submodule "x"]\\n\\tpath = x\\n\\turl = -u/evil\\n' | git hash-object -w --stdin)" | git mktree)
     git update-ref refs/heads/main "$(git commit-tree -p HEAD -m evil "$tree")"; git reset -q --hard`,
    );
    await capture(staged.sandbox, staged.request);
    await refusedWith(staged, "git does not let these objects in");
    expect(staged.here(FSCK)).toBe("");
  },
  SLOW,
);

test(
  "history that stands on the start keeps its ids and signatures; other history is put there",
  async () => {
    const staged = handStage(tempDir(), "echo a >a; git add -A; git commit -qm start");
    staged.inside(
      `echo b >>a; git commit -qam two
     { git cat-file commit HEAD | sed '/^committer/q'; printf 'gpgsig -----BEGIN PGP SIGNATURE-----\\n \\n aGVsbG8=\\n -----END PGP SIGNATURE-----\\n\\nsigned\\n'; } | git hash-object -t commit -w --stdin >$OUT/id
     git reset -q --hard "$(cat $OUT/id)"`,
    );
    const signed = await capture(staged.sandbox, staged.request);
    const landed = await land({ ...staged.request, sessionId: "s1", target: staged.user });
    expect(landed).toMatchObject({ idsKept: true, commit: staged.inside("git rev-parse HEAD"), tree: signed.tree });
    expect(staged.here("git cat-file commit glue/s1")).toContain("gpgsig");
    staged.inside(
      "git checkout -q --orphan other; git commit -qm root; echo c >c; git add c; GIT_AUTHOR_DATE='2001-02-03T04:05:06+0700' git commit -qm next",
    );
    const orphan = await capture(staged.sandbox, staged.request);
    const put = await land({ ...staged.request, sessionId: "s2", target: staged.user });
    expect(put).toMatchObject({ idsKept: false, commits: 2, tree: orphan.tree });
    expect(staged.here("git log --format=%s,%aI glue/s2")).toContain("next,2001-02-03T04:05:06+07:00");
    expect(staged.here(`git rev-parse glue/s2~2; ${FSCK}`)).toBe(staged.here("git rev-parse main"));
  },
  SLOW,
);

async function refusedWith(staged: Staged, words: string): Promise<void> {
  const objects = staged.here("find .git/objects -type f | sort");
  const error = await land({ ...staged.request, sessionId: "s1", target: staged.user }).catch(
    (thrown: unknown) => thrown,
  );
  expect(isGlueError(error, "landRefused") && error.message).toContain(words);
  expect(staged.here("git branch --list 'glue/*'")).toBe("");
  expect(staged.here("find .git/objects -type f | sort")).toBe(objects);
}
