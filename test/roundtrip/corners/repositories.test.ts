/** Repositories of every make: what is set up in them, what they lack, whose they are. */
import { expect } from "bun:test";
import { join } from "node:path";
import { whereFlags } from "../../support/roundtrip-on.ts";
import { PLAIN_ENV, sh } from "../../workspace/hand-stage.ts";
import { corner, landed, type Place, place, refused, session } from "./corner.ts";

const START =
  "mkdir -p in out/deep; seq 1 9 >in/a; echo b >in/b; echo o >out/o; echo deep >out/deep/d; echo top >top; git add -A; git commit -qm start";
const WORK = "echo more >>in/a; echo new >in/new; rm in/b; git commit -qam inside; echo loose >in/loose";

/** Names and ids of a tree, but for what the work inside changed. */
function rest(of: Place, revision: string): string {
  return of.here(`git ls-tree -r ${revision} | grep -v '\\sin/'`);
}

/** Works inside, lands as a branch, and proves that the rest of the tree is what it was; then the same in place. */
async function circle(of: Place, work = WORK): Promise<string> {
  const { id } = await session(of, work);
  const { branch } = await landed(of, id);
  expect(rest(of, branch)).toBe(rest(of, "HEAD"));
  expect(of.here(`git cat-file blob ${branch}:in/a; git cat-file blob ${branch}:in/loose`)).toEndWith("more\nloose");
  expect(of.here(`git ls-tree --name-only ${branch} in/`)).not.toContain("in/b");
  const before = of.here("GIT_OPTIONAL_LOCKS=0 git status --porcelain");
  const merged = await of.glue("session", "apply", id, "--in-place");
  expect([merged.code, merged.stderr]).toEqual([0, expect.stringContaining("--undo")]);
  expect(of.here("tail -n1 in/a; cat in/loose in/new; test ! -e in/b")).toBe("more\nloose\nnew");
  expect((await of.glue("session", "apply", id, "--undo")).code).toBe(0);
  expect(of.here("GIT_OPTIONAL_LOCKS=0 git status --porcelain")).toBe(before);
  return branch;
}

corner("a sparse checkout", [], async () => {
  const of = place(`${START}; git sparse-checkout set --cone in`);
  expect(of.here("ls")).toBe("in\ntop");
  await circle(of);
  expect(of.here("ls")).toBe("in\ntop");
});

corner("a sparse checkout with uncommitted work", [], async () => {
  const of = place(`${START}; git sparse-checkout set --cone in; echo mine >>top; echo mine >mine`);
  const { id } = await session(of, WORK);
  const { branch } = await landed(of, id);
  expect(of.here(`git ls-tree -r --name-only ${branch}`)).toBe("in/a\nin/loose\nin/new\nmine\nout/deep/d\nout/o\ntop");
  expect(of.here(`git rev-parse ${branch}:out ${branch}~2:out`)).toBe(of.here("git rev-parse HEAD:out HEAD:out"));
});

corner("a sparse checkout by patterns, and a new file where nothing is checked out", [], async () => {
  const of = place(`${START}; git sparse-checkout set --no-cone '/in/' '!/in/b' '/out/o'`);
  const { id } = await session(of, "echo more >>in/a; mkdir -p out/deep; echo fresh >out/deep/fresh");
  const { branch } = await landed(of, id);
  expect(of.here(`git ls-tree -r --name-only ${branch}`)).toBe("in/a\nin/b\nout/deep/d\nout/deep/fresh\nout/o\ntop");
});

/** A clone that lacks objects, whose remote cannot be reached any more: whoever fetches fails. */
function partial(filter: string, set: string): Place {
  const of = place(`${START}; git config uploadpack.allowFilter true`);
  sh(of.root, `mv user remote; git clone -q --no-checkout --filter=${filter} "file://${of.root}/remote" user 2>&1`, {
    PATH: process.env.PATH ?? "",
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
  });
  of.here(`${set}; git checkout -q main; mv ../remote ../away`);
  return of;
}

corner("a partial clone with a sparse checkout", [], async () => {
  const of = partial("blob:none", "git sparse-checkout set --cone in");
  const lacks = () => of.here("git rev-list --objects --all --missing=print | grep '^?' | sort -u | wc -l");
  const before = lacks();
  expect(Number(before)).toBeGreaterThan(0);
  await circle(of);
  expect(lacks()).toBe(before);
});

corner("a partial clone whose history lacks its files", [], async () => {
  const of = place(
    `echo old >old; git add old; git commit -qm old; git rm -q old; ${START}; git config uploadpack.allowFilter true`,
  );
  sh(of.root, `mv user remote; git clone -q --filter=blob:none "file://${of.root}/remote" user 2>&1; mv remote away`, {
    PATH: process.env.PATH ?? "",
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
  });
  of.here("echo mine >>top");
  const { id } = await session(of, WORK);
  const { branch } = await landed(of, id);
  expect(of.here(`git cat-file blob ${branch}:top`)).toBe("top\nmine");
});

corner("a repository that counts in SHA-256", [], async () => {
  const of = place(START, { init: "--object-format=sha256" });
  expect((await circle(of)).length).toBeGreaterThan(0);
});

corner("a shallow repository", [], async () => {
  const of = place(`${START}; echo 2 >>top; git commit -qam two; echo 3 >>top; git commit -qam three`);
  sh(of.root, `mv user remote; git clone -q --depth 1 "file://${of.root}/remote" user; mv remote away`);
  of.here("echo mine >>top");
  const { id } = await session(of, WORK);
  const { branch } = await landed(of, id);
  expect(of.here(`git log --format=%s ${branch}; git rev-parse --is-shallow-repository`)).toBe(
    "uncommitted work\ninside\nuncommitted work\nthree\ntrue",
  );
});

corner("objects borrowed from another repository", [], async () => {
  const of = place(START);
  sh(of.root, "mv user lender; git clone -q --shared lender user");
  await circle(of);
  // What landed is its own.
  expect(of.here("git count-objects -v | grep -c '^alternate'")).toBe("1");
});

corner("a worktree of the user's own", [], async () => {
  const of = place(`${START}; git worktree add -q ../tree; git config extensions.worktreeConfig true`);
  const linked: Place = { ...of, user: join(of.root, "tree"), here: (script) => sh(join(of.root, "tree"), script) };
  const ran = await of.glue("run", "--copy", ...whereFlags(), "-C", "../tree", "--", "sh", "-ec", WORK);
  expect(ran.code).toBe(0);
  const id = sh(of.home.sessions, "ls");
  expect((await of.glue("session", "apply", id, "--in-place")).code).toBe(0);
  expect(linked.here("cat in/loose; git -C ../user status --porcelain")).toBe("loose");
  expect((await of.glue("session", "apply", id, "--undo")).code).toBe(0);
  expect(linked.here("git status --porcelain")).toBe("");
  expect((await of.glue("session", "apply", id)).code).toBe(0);
  expect(linked.here(`git rev-parse glue/${id}~2`)).toBe(linked.here("git rev-parse HEAD"));
});

corner("a split index", [], async () => {
  await circle(place(`${START}; git config core.splitIndex true; git update-index --split-index`));
});

corner("a file system monitor and an untracked cache", [], async () => {
  const of = place(
    `${START}; printf '#!/bin/sh\\necho ran >>"$(dirname "$0")/ran"; printf "1\\\\0/\\\\0"\\n' >.git/monitor; chmod +x .git/monitor
     git config core.fsmonitor "$PWD/.git/monitor"; git config core.untrackedCache true; git update-index --fsmonitor --untracked-cache
     git status >/dev/null; echo x >>top`,
  );
  of.here(": >.git/ran");
  const { id } = await session(of, WORK);
  expect((await of.glue("session", "apply", id)).code).toBe(0);
  expect((await of.glue("session", "apply", id, "--in-place")).code).toBe(0);
  expect(of.here("cat .git/ran")).toBe("");
  expect(of.here(`git cat-file blob glue/${id}:top; cat in/loose`)).toBe("top\nx\nloose");
});

corner("assume-unchanged and skip-worktree bits", [], async () => {
  const of = place(
    `${START}; git update-index --assume-unchanged top; git update-index --skip-worktree in/a out/o; echo hidden >>top; echo hidden >>in/a; rm out/o`,
  );
  const { id } = await session(of, "grep -q hidden top in/a; test ! -e out/o; echo more >>in/a");
  const { branch } = await landed(of, id);
  expect(
    of.here(`git cat-file blob ${branch}:top; git cat-file blob ${branch}:out/o; git ls-files -v | grep -v ^H`),
  ).toBe("top\nhidden\no\nS in/a\nS out/o\nh top");
});

corner("a file that is only intended to be added", [], async () => {
  const of = place(`${START}; echo intent >intent; git add -N intent`);
  const { id } = await session(of, "cat intent; echo more >>intent");
  const { branch } = await landed(of, id);
  expect(of.here(`git cat-file blob ${branch}:intent; git status --porcelain`)).toBe("intent\nmore\n A intent");
});

corner("a merge with conflicts under way", [], async () => {
  const of = place(
    `${START}; git checkout -qb side; echo side >top; git commit -qam side; git checkout -q main; echo main >top; git commit -qam main; git merge -q side >/dev/null || :`,
  );
  const was = of.here("git ls-files -u; cat .git/MERGE_HEAD top");
  const { id } = await session(of, "grep -q '<<<<<<<' top; echo resolved >top");
  const { branch } = await landed(of, id);
  expect(of.here("git ls-files -u; cat .git/MERGE_HEAD top")).toBe(was);
  expect(of.here(`git cat-file blob ${branch}:top; git cat-file blob ${branch}~:top | grep -c '^[<=>]'`)).toBe(
    "resolved\n3",
  );
  expect((await of.glue("session", "apply", id, "--in-place")).code).toBe(0);
  expect(of.here("cat top; git ls-files -u | wc -l")).toBe("resolved\n3");
});

corner("core.worktree points elsewhere", [], async () => {
  const of = place(`${START}; mkdir ../tree; git config core.worktree "$(realpath ../tree)"; git checkout -q -f`);
  const ran = await of.glue("run", "--copy", ...whereFlags(), "--", "true");
  expect([ran.code, ran.stdout]).toEqual([125, ""]);
  expect(ran.stderr).toContain(`keeps its files elsewhere: core.worktree is ${join(of.root, "tree")}`);
  of.here(`git config core.worktree '${of.user}'`);
  expect((await of.glue("run", "--copy", ...whereFlags(), "--", "cat", "top")).stdout).toBe("top\n");
});

corner("replaced objects", [], async () => {
  const of = place(
    `${START}; git replace $(git rev-parse HEAD:top) $(echo replaced | git hash-object -w --stdin); old=$(git rev-parse HEAD)
     new=$(git commit-tree -m replaced HEAD^{tree}); git replace $old $new`,
  );
  const { id } = await session(of, 'cat top; test "$(cat top)" = top; echo more >>in/a');
  const { branch } = await landed(of, id);
  expect(of.here(`GIT_NO_REPLACE_OBJECTS=1 git log --format=%s ${branch}`)).toBe("uncommitted work\nstart");
});

corner("grafts", [], async () => {
  const of = place(`${START}; echo 2 >>top; git commit -qam two; git rev-parse HEAD >.git/info/grafts`);
  const { id } = await session(of, WORK);
  const ran = await of.glue("session", "apply", id);
  expect(ran.code).toBe(0);
  of.here("rm .git/info/grafts");
  expect(of.here(`git log --format=%s glue/${id}; git fsck --strict --no-dangling 2>&1`)).toBe(
    "uncommitted work\ninside\ntwo\nstart",
  );
});

corner("a repository owned by another user", ["root"], async () => {
  const made = place(START);
  const trusted = { ...PLAIN_ENV, GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" };
  const of: Place = { ...made, here: (script) => sh(made.user, script, trusted) };
  of.here("chown -R 12345:12345 .");
  const { id } = await session(of, WORK);
  await refused(of, id, "belongs to another user", `git config --global --add safe.directory ${of.user}`);
  // In place nothing of its configuration is obeyed, and files that are replaced keep their owner.
  expect((await of.glue("session", "apply", id, "--in-place")).code).toBe(0);
  expect(of.here("stat -c %u in/a; tail -n1 in/a")).toBe("12345\nmore");
  expect((await of.glue("session", "apply", id, "--undo")).code).toBe(0);
  sh(of.root, `printf '[safe]\\n\\tdirectory = %s\\n' '${of.user}' >nobody/.gitconfig`);
  await landed(of, id);
});
