/** Repositories inside the tree: submodules, and repositories that the one around them does not know. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REAL_ENGINE } from "../../support/glue.ts";
import { sh } from "../../workspace/hand-stage.ts";
import { corner, FSCK, landed, type Place, place, refused, session } from "./corner.ts";

const ALLOW = "git config --global protocol.file.allow always";

/** `lib` is a submodule, and `lib/deep` one of its own. */
const NESTED = `${ALLOW}
  for name in deep lib; do git init -q -b main ../$name; (cd ../$name; echo $name >$name.txt; git add -A; git commit -qm "$name start"); done
  (cd ../lib; git submodule --quiet add ../deep deep; git commit -qm 'with deep')
  echo a >a.txt; git add -A; git submodule --quiet add ../lib lib; git submodule --quiet update --init --recursive; git commit -qm start`;

const CLEAN_INSIDE = `test -z "$(git status --porcelain)"; for d in lib lib/deep; do (cd $d; test -z "$(git status --porcelain)"; test -d .git; git log -1 >/dev/null); done`;

function fsck(of: Place, ...folders: string[]): void {
  for (const folder of folders) expect(sh(join(of.user, folder), FSCK)).toBe("");
}

function stateOf(of: Place, ...folders: string[]): string {
  const script =
    "GIT_OPTIONAL_LOCKS=0 git status --porcelain; git rev-parse HEAD; git symbolic-ref -q HEAD || :; git for-each-ref | grep -v heads/glue || :";
  return folders.map((folder) => of.here(`cd ${folder}; ${script}`)).join("\n");
}

corner("submodules, also inside of submodules: commits and files change", [], async () => {
  const of = place(NESTED);
  const before = stateOf(of, ".", "lib", "lib/deep");
  const { id, said } = await session(
    of,
    `${CLEAN_INSIDE}; cat a.txt lib/lib.txt lib/deep/deep.txt >/dev/null
     cd lib/deep; echo more >>deep.txt; git commit -qam 'deep work'; git rev-parse HEAD >'${of.root}/deep.id'
     cd ..; git add deep; git commit -qm 'lib work'; git rev-parse HEAD >'${of.root}/lib.id'; echo loose >loose.txt
     cd ..; git add lib; git commit -qm 'outer work'; git rev-parse HEAD >'${of.root}/outer.id'`,
  );
  expect(said).toContain("With it: submodule lib, ");
  expect(said).toContain("In lib: With it: submodule deep, ");
  expect(said).toContain("◆ lib/deep: 1 commit, 1 file changed");
  expect(said).toContain("◆ lib: 2 commits, 2 files changed");
  const { branch, said: told } = await landed(of, id);
  expect(told).toContain("lib: applied exactly · tree");
  expect(told).toContain("lib/deep: applied exactly · tree");
  expect(stateOf(of, ".", "lib", "lib/deep")).toBe(before);
  expect(
    of.here(`git rev-parse ${branch}; git -C lib rev-parse ${branch}~1; git -C lib/deep rev-parse ${branch}`),
  ).toBe(of.here("cat ../outer.id ../lib.id ../deep.id"));
  expect(
    of.here(`git rev-parse ${branch}:lib; git -C lib rev-parse ${branch}:deep; git -C lib show ${branch}:loose.txt`),
  ).toBe(of.here("cat ../lib.id ../deep.id; echo loose"));
  fsck(of, ".", "lib", "lib/deep");
  const meta = JSON.parse(readFileSync(join(of.home.sessions, id, "meta.json"), "utf8"));
  expect(meta.capture.facts.units.map(({ path }: { path: string }) => path)).toEqual(["lib/deep", "lib"]);
  expect(meta.landing.units.map(({ path }: { path: string }) => path)).toEqual(["lib/deep", "lib"]);
  const again = await of.glue("session", "apply", id);
  expect(again.stdout.match(/already applied exactly/g)?.length).toBe(3);
});

corner("a submodule with uncommitted work and unpushed commits", [], async () => {
  const of = place(
    `${NESTED}; cd lib; echo unpushed >>lib.txt; git commit -qam unpushed; echo dirty >>lib.txt; echo new >new.txt; cd deep; echo dirty >>deep.txt`,
  );
  const before = stateOf(of, ".", "lib", "lib/deep");
  const { id, said } = await session(
    of,
    `${CLEAN_INSIDE}; tail -qn1 lib/lib.txt lib/new.txt lib/deep/deep.txt >'${of.root}/seen'; echo b >>a.txt`,
  );
  expect(of.here("cat ../seen")).toBe("dirty\nnew\ndirty");
  expect(said).toContain("With it: submodule lib, 4 files, uncommitted work included, ");
  const { branch } = await landed(of, id);
  expect(stateOf(of, ".", "lib", "lib/deep")).toBe(before);
  // What the branch outside names is on the branch inside.
  expect(of.here(`git -C lib rev-parse ${branch}; git -C lib/deep rev-parse ${branch}`)).toBe(
    of.here(`git rev-parse ${branch}:lib; git -C lib rev-parse ${branch}:deep`),
  );
  expect(of.here(`git -C lib log --format=%s ${branch} | head -n 2; git -C lib show ${branch}:lib.txt`)).toBe(
    "uncommitted work\nunpushed\nlib\nunpushed\ndirty",
  );
  fsck(of, ".", "lib", "lib/deep");
});

corner("a submodule whose commits alone change", [], async () => {
  const of = place(`${NESTED}`);
  const { id } = await session(of, "cd lib; echo loose >>lib.txt");
  const { branch, said } = await landed(of, id);
  expect(said).toContain("lib: applied exactly");
  expect(of.here(`git branch --list 'glue/*'; git -C lib log --format=%s ${branch} | head -n 2`)).toBe(
    "uncommitted work\nwith deep",
  );
  const shown = await of.glue("session", "diff", id);
  expect(shown.stdout).toContain("+++ b/lib/lib.txt\n");
  expect((await of.glue("session", "show", id)).stdout).toContain("\nlib:\n");
  expect((await of.glue("session", "apply", id, "--in-place")).stderr).toContain("which are not merged in place: lib");
  const patch = await of.glue("session", "export", id, "--to", "../all.patch");
  expect(patch.code).toBe(0);
  of.here("git -C lib apply -p2 --check ../../all.patch");
  expect((await of.glue("session", "export", id, "--to", "../one.mbox")).stderr).toContain(
    "which one .mbox cannot hold",
  );
  expect((await of.glue("session", "export", id, "--to", "../all/")).stdout).toContain("units/1/runtime.bundle");
});

corner("a submodule that is not checked out", [], async () => {
  const of = place(`${NESTED}; git submodule --quiet deinit -f lib`);
  const { id, said } = await session(
    of,
    `test -z "$(git status --porcelain)"; test -d lib; echo b >>a.txt; git add -A; git commit -qm mine`,
  );
  expect(said).toContain("Left out: submodule lib, which is not checked out here.");
  const { branch } = await landed(of, id);
  expect(of.here(`git rev-parse ${branch}:lib; git diff --name-only main ${branch}`)).toBe(
    `${of.here("git rev-parse main:lib")}\na.txt`,
  );
});

corner("a submodule is checked out inside and changed", [], async () => {
  const of = place(`${NESTED}; git submodule --quiet deinit -f lib`);
  const { id, said } = await session(
    of,
    `git -c protocol.file.allow=always clone -q '${of.root}/lib' lib; cd lib; echo mine >>lib.txt; git -c user.name=t -c user.email=t@t commit -qam mine; git rev-parse HEAD >'${of.root}/lib.id'; echo loose >loose`,
  );
  expect(said).toContain("submodule lib, which did not travel, was changed inside");
  const { branch, said: told } = await landed(of, id);
  expect(told).toContain(
    "refs/glue/submodules/1/refs/heads/main, refs/glue/submodules/1/HEAD, refs/glue/submodules/1/work",
  );
  expect(of.here(`git rev-parse ${branch}:lib`)).toBe(of.here("cat ../lib.id"));
  of.here(
    `git fetch -q ../home/sessions/${id}/runtime.bundle refs/glue/submodules/1/work:refs/glue/work; git -C ../lib fetch -q ../user refs/glue/work:refs/heads/got`,
  );
  expect(of.here("git -C ../lib log --format=%s got; git -C ../lib show got:loose")).toBe(
    "uncommitted work\nmine\nwith deep\nlib start\nloose",
  );
});

corner("files in the folder of a submodule that is not checked out", [], async () => {
  const of = place(`${NESTED}; git submodule --quiet deinit -f lib`);
  const { id, said } = await session(of, "echo stray >lib/stray");
  expect(said).toContain("submodule lib, which did not travel, was changed inside");
  of.here(`git fetch -q ../home/sessions/${id}/runtime.bundle refs/glue/submodules/1/work:refs/heads/got`);
  expect(of.here("git ls-tree --name-only got; git show got:stray")).toBe("stray\nstray");
});

corner("a submodule that its rules tell git to ignore", [], async () => {
  const of = place(`${NESTED}; git config -f .gitmodules submodule.lib.ignore all; git commit -qam ignore`);
  const { id } = await session(
    of,
    `cd lib; echo more >>lib.txt; git commit -qam more; git rev-parse HEAD >'${of.root}/lib.id'`,
  );
  const { branch } = await landed(of, id);
  expect(of.here(`git -C lib rev-parse ${branch}; git rev-parse ${branch}:lib`)).toBe(
    of.here("cat ../lib.id ../lib.id"),
  );
});

corner("a submodule is removed inside", [], async () => {
  const of = place(NESTED);
  const { id, said } = await session(of, "git rm -qf lib; git commit -qm removed");
  expect(said).toContain("submodule lib is gone from the sandbox");
  const { branch } = await landed(of, id);
  expect(of.here(`git ls-tree --name-only ${branch}; ls lib`)).toBe(".gitmodules\na.txt\ndeep\nlib.txt");
});

corner("a submodule that was changed has gone when the change lands", [], async () => {
  const of = place(NESTED);
  const { id } = await session(of, "cd lib; echo more >>lib.txt; git commit -qam more");
  of.here("git submodule --quiet deinit -f lib");
  await refused(
    of,
    id,
    "The session changed the submodule lib, but there is no repository in",
    "git submodule update --init",
  );
  of.here("git submodule --quiet update --init --recursive");
  await landed(of, id);
});

corner("a submodule that converts content", [], async () => {
  const of = place(
    `${ALLOW}; git init -q -b main ../lib; (cd ../lib; echo '*.bat eol=crlf' >.gitattributes; printf 'a\\r\\n' >x.bat; printf 'a\\r\\n' >y.bat; git add -A; git commit -qm lib)
     echo a >a.txt; git submodule --quiet add ../lib lib; git add -A; git commit -qm start`,
  );
  const none = await session(of, "echo b >>a.txt");
  expect(none.said).not.toContain("uncommitted work included");
  const first = await landed(of, none.id);
  expect(of.here(`git rev-parse ${first.branch}:lib ${first.branch}~1; git -C lib branch --list 'glue/*'`)).toBe(
    of.here("git rev-parse main:lib main"),
  );
  const { id } = await session(
    of,
    "cd lib; printf 'b\\r\\n' >>x.bat; git commit -qam edited; cd ..; git add lib; git commit -qm outer",
  );
  const { branch } = await landed(of, id);
  expect(of.here(`git -C lib rev-parse ${branch} ${branch}~1`)).toBe(of.here(`git rev-parse ${branch}:lib main:lib`));
  expect(of.here(`git -C lib cat-file blob ${branch}:x.bat; git -C lib diff --name-only ${branch}~1 ${branch}`)).toBe(
    "a\nb\nx.bat",
  );
  fsck(of, ".", "lib");
});

corner("a repository inside the tree that is no submodule", [], async () => {
  const of = place(
    `echo a >a.txt; git add -A; git commit -qm start
     git init -q -b main inner; (cd inner; echo i >i.txt; git add -A; git commit -qm inner; echo dirty >>i.txt; git init -q deeper; echo d >deeper/d.txt)`,
  );
  const before = stateOf(of, ".", "inner");
  const { id, said } = await session(
    of,
    `test -z "$(git status --porcelain)"; tail -qn1 inner/i.txt inner/deeper/d.txt >'${of.root}/seen'
     echo b >>a.txt; cd inner; echo mine >>i.txt; git commit -qam mine; git rev-parse HEAD >'${of.root}/inner.id'; echo loose >deeper/loose`,
  );
  expect(of.here("cat ../seen")).toBe("dirty\nd");
  expect(said).toContain("With it: repository inside the tree inner, ");
  const { branch } = await landed(of, id);
  expect(stateOf(of, ".", "inner")).toBe(before);
  expect(of.here(`git ls-tree -r --name-only ${branch}; git -C inner rev-parse ${branch}`)).toBe(
    `a.txt\n${of.here("cat ../inner.id")}`,
  );
  expect(
    of.here(`git -C inner log --format=%s ${branch}; git -C inner/deeper show --format= --name-only ${branch}`),
  ).toBe("mine\nuncommitted work\ninner\nloose");
  fsck(of, ".", "inner", "inner/deeper");
});

corner("repositories in a folder that is none itself", [], async () => {
  const of = place(
    "rm -rf .git; for d in one two; do git init -q -b main $d; (cd $d; echo $d >f; git add -A; git commit -qm $d); done; echo loose >loose",
  );
  const { id, said } = await session(of, "cd one; echo more >>f; git commit -qam more");
  expect(said).toContain("◆ one: 1 commit, 1 file changed");
  const applied = await of.glue("session", "apply", id);
  expect([applied.code, applied.stdout]).toEqual([0, expect.stringMatching(/^one: applied exactly · tree \S+\n$/)]);
  expect(of.here(`git -C one log --format=%s glue/${id}; git -C two branch --list 'glue/*'`)).toBe("more\none");
  const other = await session(of, "echo more >>loose; cd two; echo more >>f");
  expect((await of.glue("session", "apply", other.id)).stderr).toContain("is not a git repository");
  expect(of.here("git -C two branch --list 'glue/*'")).toBe("");
});

corner("a worktree of the repository inside its own tree", [], async () => {
  const of = place("echo a >a.txt; git add -A; git commit -qm start; git worktree add -q side");
  const { id } = await session(
    of,
    "echo b >>a.txt; git commit -qam outer; cd side; echo c >>a.txt; git commit -qam inner",
  );
  const { branch, said } = await landed(of, id);
  expect(said).toContain(`branch ${branch}-2, 1 commit on top of the start`);
  expect(of.here(`git log -1 --format=%s ${branch}; git log -1 --format=%s ${branch}-2`)).toBe("outer\ninner");
});

corner("repositories inside the tree, and a sandbox without git", ["image:debian-nogit"], async () => {
  const of = place(`${NESTED}; echo dirty >>lib/lib.txt`, { env: REAL_ENGINE });
  const run = (script: string) =>
    of.glue("run", "--copy", "-r", "docker", "--set", "docker.image=glue-test/debian:nogit", "--", "sh", "-ec", script);
  const ran = await run("ls -A lib; echo b >>a.txt");
  expect([ran.code, ran.stdout]).toEqual([0, ""]);
  expect(ran.stderr).toContain("Left out: submodule lib: the sandbox has no git.");
  const { branch } = await landed(of, sh(of.home.sessions, "ls"));
  expect(of.here(`git rev-parse ${branch}:lib`)).toBe(of.here(`git -C lib rev-parse ${branch}`));
  expect(of.here(`git -C lib show ${branch}:lib.txt; git diff --name-only ${branch}~1 ${branch}`)).toBe(
    "lib\ndirty\na.txt",
  );
  const inside = await run("echo stray >lib/stray");
  expect(inside.stderr).toContain("Files were made in lib");
  const kept = sh(of.home.sessions, "ls -t | head -n 1");
  expect((await of.glue("session", "rm", "--force", kept)).code).toBe(0);
});
