import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isGlueError } from "../../spec/glue-error.ts";
import { prepareSnapshot } from "../../workspace/snapshot-prepare.ts";
import { sh } from "../workspace/hand-stage.ts";
import { expectExact, makeCase, onDisk, take } from "../workspace/snapshot-case.ts";

const COMMITTED = `git init -q -b main .
printf 'one\\n' >a.txt; mkdir -p src/deep; printf 'two\\n' >src/deep/b.txt; printf '#!/bin/sh\\n' >run.sh; chmod +x run.sh
git add . && git commit -qm first`;

/** The state of a tree, what of it must be in the snapshot by name (beside being exact), and what must not. */
const STATES: readonly {
  title: string;
  make: string;
  has?: readonly string[];
  lacks?: readonly string[];
  dirty: boolean;
}[] = [
  { title: "a clean tree", make: COMMITTED, dirty: false, has: ["a.txt", "src/deep/b.txt", "run.sh"] },
  { title: "a changed file", make: `${COMMITTED}; echo more >>a.txt`, dirty: true },
  {
    title: "a file changed within the same second and with the same size",
    make: `${COMMITTED}; printf 'eno\\n' >a.txt`,
    dirty: true,
  },
  { title: "a staged change", make: `${COMMITTED}; echo more >>a.txt; git add a.txt`, dirty: true },
  {
    title: "a staged change that was changed again: the disk counts",
    make: `${COMMITTED}; echo staged >a.txt; git add a.txt; echo disk >a.txt`,
    dirty: true,
  },
  { title: "an untracked file", make: `${COMMITTED}; mkdir new; echo x >new/file`, dirty: true, has: ["new/file"] },
  {
    title: "a deleted, a staged as deleted and a renamed file",
    make: `${COMMITTED}; rm a.txt; git rm -q run.sh; git mv src/deep/b.txt src/c.txt`,
    dirty: true,
    has: ["src/c.txt"],
    lacks: ["a.txt", "run.sh", "src/deep/b.txt"],
  },
  {
    title: "a tracked file that is ignored",
    make: `${COMMITTED}; echo '*.log' >.gitignore; echo x >kept.log; echo y >other.log; git add -f kept.log; git add .gitignore; git commit -qm log; echo z >>kept.log`,
    dirty: true,
    has: ["kept.log"],
    lacks: ["other.log"],
  },
  {
    title: "files that .git/info/exclude and core.excludesFile ignore",
    make: `${COMMITTED}; echo secret.txt >>.git/info/exclude; printf '\\357\\273\\277*.swp' >"$HOME/ignore"; git config core.excludesFile '~/ignore'; echo x >secret.txt; echo y >a.swp; echo z >seen.txt`,
    dirty: true,
    has: ["seen.txt"],
    lacks: ["secret.txt", "a.swp"],
  },
  {
    title: "a global ignore file that nothing names",
    make: `${COMMITTED}; mkdir -p "$HOME/.config/git"; echo '*.swp' >"$HOME/.config/git/ignore"; echo y >a.swp`,
    dirty: false,
    lacks: ["a.swp"],
  },
  {
    title: "info/exclude that takes back what the global ignore file says",
    make: `${COMMITTED}; mkdir -p "$HOME/.config/git"; echo '*.swp' >"$HOME/.config/git/ignore"; echo '!keep.swp' >.git/info/exclude; echo y >keep.swp; echo n >b.swp`,
    dirty: true,
    has: ["keep.swp"],
    lacks: ["b.swp"],
  },
  { title: "a detached HEAD", make: `${COMMITTED}; git checkout -q --detach; echo x >x`, dirty: true },
  { title: "a branch without a commit", make: "git init -q -b main .; echo x >x; mkdir d; echo y >d/y", dirty: true },
  { title: "an empty repository", make: "git init -q -b main .", dirty: false },
  {
    title: "symbolic links: dangling, absolute, out of the tree, to a folder, and one that replaced a file",
    make: `${COMMITTED}; ln -s nowhere dangling; ln -s /etc/passwd absolute; ln -s ../../outside out; ln -s src dir; rm a.txt; ln -s run.sh a.txt`,
    dirty: true,
    has: ["dangling", "absolute", "out", "dir", "a.txt"],
  },
  {
    title: "exec bits taken and given",
    make: `${COMMITTED}; chmod -x run.sh; chmod +x a.txt`,
    dirty: true,
  },
  {
    title: "a file that became a folder, and a folder that became a file",
    make: `${COMMITTED}; rm a.txt; mkdir a.txt; echo x >a.txt/x; rm -r src; echo y >src`,
    dirty: true,
    has: ["a.txt/x", "src"],
  },
  {
    title: "names with newline, quote, backslash, leading dash and space, and bytes that are not UTF-8",
    make: `${COMMITTED}
        for name in "$(printf 'new\\nline')" '"quoted"' 'back\\slash' '-dash' ' space ' "$(printf 'bad\\377name')" ':(top)magic' '*' é; do echo "$name" >"$name"; done
        git add -- "$(printf 'new\\nline')" "$(printf 'bad\\377name')"; git commit -qm odd; echo more >>"$(printf 'bad\\377name')"`,
    dirty: true,
    has: ['"bad\\377name"', "new\nline", '"\\"quoted\\""', "-dash", " space ", ":(top)magic", "*", "é"],
  },
  {
    title: "assume-unchanged and skip-worktree bits that hide changes",
    make: `${COMMITTED}; git update-index --assume-unchanged a.txt; git update-index --skip-worktree run.sh; echo hidden >>a.txt; echo hidden >>run.sh`,
    dirty: true,
  },
  {
    title: "a merge with conflicts under way",
    make: `${COMMITTED}; git checkout -q -b other; echo theirs >a.txt; git commit -qam t; git checkout -q main; echo ours >a.txt; git commit -qam o; git merge -q other || true`,
    dirty: true,
    has: ["a.txt"],
  },
  {
    title: "an entry that is only intended to be added",
    make: `${COMMITTED}; echo x >soon; git add -N soon`,
    dirty: true,
    has: ["soon"],
  },
  {
    title: "a split index, with the untracked cache on",
    make: `${COMMITTED}; git update-index --split-index --untracked-cache; echo x >x; echo y >>a.txt`,
    dirty: true,
    has: ["x"],
  },
  {
    title: "an index of version 4 and a repository with packed refs",
    make: `${COMMITTED}; git update-index --index-version 4; git pack-refs --all; echo x >x`,
    dirty: true,
  },
  {
    title: "a repository that counts in SHA-256",
    make: `git init -q -b main --object-format=sha256 .; echo x >x; git add x; git commit -qm x; echo y >y`,
    dirty: true,
    has: ["x", "y"],
  },
  {
    title: "a shallow clone",
    make: `git init -q -b main ../origin; (cd ../origin; for n in 1 2 3; do echo $n >n; git add n; git commit -qm $n; done); git clone -q --depth 1 "file://$PWD/../origin" .; echo x >>n`,
    dirty: true,
  },
  {
    title: "a clone that borrows objects, through a relative path, from one that borrows",
    make: `git init -q -b main ../one; (cd ../one; echo x >x; git add x; git commit -qm x); git clone -q --shared ../one ../two
        echo ../../../one/.git/objects >../two/.git/objects/info/alternates; git clone -q --shared ../two .; echo y >y`,
    dirty: true,
  },
  {
    title: "core.fileMode off: the index has the exec bits",
    make: `${COMMITTED}; git config core.fileMode false; echo x >>run.sh`,
    dirty: true,
  },
];

describe("the snapshot is exactly what is on disk", () => {
  for (const { title, make, has = [], lacks = [], dirty } of STATES) {
    test(title, async () => {
      const state = makeCase(make);
      for (const round of ["first", "second"]) {
        const taken = await take(state);
        expectExact(state, taken);
        for (const path of has) expect([round, ...taken.tree.keys()]).toContain(path);
        for (const path of lacks) expect([round, ...taken.tree.keys()]).not.toContain(path);
        const { base, head } = taken.taken.snapshot;
        expect({ round, dirty: taken.taken.snapshot.dirty }).toEqual({ round, dirty });
        if (!dirty && head !== null) expect(base).toMatchObject({ commit: head, parent: null });
        else expect(base.parent).toBe(head);
      }
    });
  }
});

test("the base of a clean tree is HEAD itself, of a dirty one a commit on top of it by glue", async () => {
  const state = makeCase(COMMITTED);
  const head = state.here("git rev-parse HEAD");
  expect((await take(state)).taken.snapshot.base.commit).toBe(head);
  state.here("echo x >x");
  const dirty = await take(state);
  expect(dirty.taken.snapshot.base.commit).not.toBe(head);
  const commit = sh(
    dirty.gitDir,
    `git --git-dir=. log -1 --format='%an <%ae>|%s|%b' ${dirty.taken.snapshot.base.commit}`,
  );
  expect(commit).toBe("glue <glue@localhost>|uncommitted work|");
  expect((await take(state)).taken.snapshot.base.commit).toBe(dirty.taken.snapshot.base.commit);
});

test("a second snapshot sees every kind of change since the first, also what the user began or ceased to track or ignore", async () => {
  const state = makeCase(
    `${COMMITTED}; echo '*.tmp' >.gitignore; echo 1 >kept.tmp; echo 2 >lost.tmp; git add -f kept.tmp .gitignore; git commit -qm t`,
  );
  expectExact(state, await take(state));
  const steps = [
    "git add -f lost.tmp",
    "git rm -q --cached kept.tmp",
    "echo 3 >new.md; echo 'same size' >a.txt",
    "echo 'emas size' >a.txt",
    "rm a.txt",
    "git reset -q --hard; git clean -qfd",
    "rm .gitignore",
    "rm -r src; echo file >src",
    "rm src; mkdir src; echo again >src/again; git add src",
    "git checkout -qf main; git clean -qfdx",
  ];
  for (const step of steps) {
    state.here(step);
    expectExact(state, await take(state));
  }
});

test("a linked worktree is taken with its own HEAD and files", async () => {
  const state = makeCase(
    `${COMMITTED}; git worktree add -q ../linked -b side; cd ../linked; echo side >a.txt; git commit -qam side; echo new >new`,
  );
  const taken = await take(state, { top: join(state.root, "linked") });
  expectExact(state, taken, join(state.root, "linked"));
  expect(taken.taken.snapshot.headRef).toBe("refs/heads/side");
  expect(taken.taken.snapshot.base.parent).toBe(state.here("git rev-parse side"));
});

test("a folder without a repository travels whole", async () => {
  const state = makeCase("mkdir -p a/b; echo x >a/b/x; ln -s a l; printf '*.o\\n' >.gitignore; echo o >a.o");
  const taken = await take(state);
  expect([...taken.tree.keys()].sort()).toEqual([".gitignore", "a/b/x", "l"]);
  expect(taken.taken.snapshot).toMatchObject({ repository: false, head: null, headRef: null, dirty: true });
  expect(taken.taken.snapshot.base.parent).toBeNull();
  expect(taken.leftOut.ignored).toEqual({ files: 1, folders: 0, examples: ["a.o"] });
});

test("a bare repository is refused with what to do", async () => {
  const state = makeCase("git init -q --bare .");
  const prepared = prepareSnapshot(
    { top: state.user, subfolder: "", outsideGitDirs: [] },
    { glueHome: state.home, sessionDir: state.root, hostEnv: state.env },
  );
  const error = await prepared.ready.catch((caught: unknown) => caught);
  expect(isGlueError(error, "bareRepository") && error.hint).toContain("worktree");
});

describe("exact bytes", () => {
  const CONTENT = `printf 'a\\r\\nb\\n$Id$\\r\\n' >f.txt; printf 'x\\r\\n' >g.dat`;
  const RULES = [
    "* text=auto",
    "* text eol=crlf",
    "* text eol=lf",
    "*.txt ident",
    "*.txt filter=upper",
    "*.txt working-tree-encoding=UTF-16",
  ];
  for (const rule of RULES) {
    test(`with the attribute ${rule}`, async () => {
      const state =
        makeCase(`git init -q -b main .; git config filter.upper.clean 'tr a-z A-Z; touch ${"$"}HOME/ran'; git config filter.upper.smudge 'touch ${"$"}HOME/ran; cat'
        echo '${rule}' >.gitattributes
        ${rule.includes("encoding") ? "printf '\\377\\376a\\0\\r\\0\\n\\0' >f.txt" : CONTENT}
        git add . 2>/dev/null; git commit -qm x; rm -f "$HOME/ran"; echo extra >new.txt`);
      const taken = await take(state);
      expectExact(state, taken);
      expect(state.here("ls $HOME")).toBe("");
    });
  }

  test("under core.autocrlf", async () => {
    const state = makeCase(
      `git init -q -b main .; git config core.autocrlf true; printf 'a\\r\\n' >f; git add f 2>/dev/null; git commit -qm x`,
    );
    const taken = await take(state);
    expectExact(state, taken);
    expect(taken.taken.snapshot.converted).toEqual([
      {
        path: "f",
        why: "eol",
        raw: side(onDisk(state.user, "f")),
        git: side(state.here("git ls-files -s f").slice(0, 47)),
      },
    ]);
    expect(taken.taken.snapshot.dirty).toBe(false);
  });
});

function side(text: string): { mode: string; id: string } {
  const [mode = "", id = ""] = text.split(" ");
  return { mode, id };
}

describe("where the repository holds other bytes than the disk", () => {
  test("an unchanged file under a filter is known by the user's index, a changed one only to the filter", async () => {
    const state =
      makeCase(`git init -q -b main .; git config filter.upper.clean 'tr a-z A-Z'; echo '*.txt filter=upper' >.gitattributes
      echo one >one.txt; echo two >two.txt; echo plain >plain; sleep 0.05; git add .; git commit -qm x; sleep 0.05; git update-index --refresh; echo three >two.txt; echo changed >plain`);
    const { snapshot } = (await take(state)).taken;
    expect(snapshot.dirty).toBe(true);
    expect(snapshot.converted.map(({ path, why, git }) => [path, why, git?.id ?? null])).toEqual([
      ["one.txt", "filter", state.here("git rev-parse HEAD:one.txt")],
      ["two.txt", "filter", null],
    ]);
  });

  test("line endings and $Id$ are worked out by git, for changed files as well", async () => {
    const state = makeCase(`git init -q -b main .; printf '*.txt text\\n*.c ident\\n' >.gitattributes
      printf 'a\\r\\n' >a.txt; printf 'b\\r\\n' >b.txt; printf 'c\\n' >c.txt; echo '$Id$' >d.c; git add . 2>/dev/null; git commit -qm x; rm d.c; git checkout -q d.c; printf 'bb\\r\\n' >b.txt`);
    const { snapshot } = (await take(state)).taken;
    const clean = (path: string) => state.here(`git hash-object --path ${path} ${path} 2>/dev/null`);
    expect(snapshot.converted.map(({ path, why, git }) => [path, why, git?.id])).toEqual([
      ["a.txt", "eol", clean("a.txt")],
      ["b.txt", "eol", clean("b.txt")],
      ["d.c", "ident", clean("d.c")],
    ]);
  });

  test("an attribute that changes nothing makes no path converted", async () => {
    const state = makeCase(
      `git init -q -b main .; echo '* text=auto' >.gitattributes; echo a >a; git add .; git commit -qm x; echo b >a; echo c >c`,
    );
    expect((await take(state)).taken.snapshot.converted).toEqual([]);
  });

  test("paths that a sparse checkout leaves out are listed and keep what the repository has", async () => {
    const state = makeCase(
      `git init -q -b main .; mkdir in out; echo i >in/i; echo o >out/o; echo p >out/p; git add .; git commit -qm x; git sparse-checkout set in; echo n >in/n`,
    );
    const taken = await take(state);
    expect([...taken.tree.keys()].sort()).toEqual(["in/i", "in/n"]);
    expect(taken.leftOut.sparse).toEqual({ count: 2, paths: ["out/o", "out/p"] });
    expect(taken.taken.snapshot.converted.map(({ path, why, raw, git }) => [path, why, raw, git?.id])).toEqual([
      ["out/o", "missing", null, state.here("git rev-parse HEAD:out/o")],
      ["out/p", "missing", null, state.here("git rev-parse HEAD:out/p")],
    ]);
  });
});

describe("what stays behind is said", () => {
  test("ignored files and folders, special files, empty folders", async () => {
    const state = makeCase(
      `${COMMITTED}; printf 'build/\\n*.log\\n' >.gitignore; mkdir -p build/deep empty/inner; echo x >build/deep/x; echo y >y.log; mkfifo pipe; mkdir d; mkfifo d/inner`,
    );
    const python = Bun.spawnSync(["python3", "-c", "import socket; socket.socket(socket.AF_UNIX).bind('sock')"], {
      cwd: state.user,
    });
    const { leftOut } = await take(state);
    expect(leftOut.ignored).toEqual({ files: 1, folders: 1, examples: ["build/", "y.log"] });
    const special = [
      { path: "d/inner", kind: "fifo" },
      { path: "pipe", kind: "fifo" },
    ];
    const socket = python.exitCode === 0 ? [{ path: "sock", kind: "socket" }] : [];
    expect(leftOut.special.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual([...special, ...socket] as never);
    expect(leftOut.emptyFolders).toEqual({ count: 1, paths: ["empty/inner"] });
  });

  test("submodules and embedded repositories are snapshots of their own, also without a commit", async () => {
    const state = makeCase(`git init -q -b main ../sub; (cd ../sub; echo s >s; git add s; git commit -qm s)
      ${COMMITTED}; git -c protocol.file.allow=always submodule add -q ../sub sub; git commit -qm sub; echo dirty >>sub/s
      git init -q -b main emb; (cd emb; echo e >e; git add e; git commit -qm e); git init -q -b main unborn; echo u >unborn/u; echo x >x`);
    const taken = await take(state);
    const id = (path: string) => state.here(`git -C ${path} rev-parse HEAD`);
    const { units } = taken.taken.snapshot;
    expect(units).toMatchObject([
      {
        path: "sub",
        kind: "submodule",
        recorded: id("sub"),
        head: id("sub"),
        base: { folder: "units/1", dirty: true },
      },
      {
        path: "emb",
        kind: "embedded",
        recorded: null,
        head: id("emb"),
        base: { folder: "units/2", commit: id("emb") },
      },
      { path: "unborn", kind: "embedded", recorded: null, head: null, base: { folder: "units/3", dirty: true } },
    ]);
    expect(taken.taken.units.map((unit) => unit.taken?.snapshot.base.parent)).toEqual([id("sub"), null, null]);
    expect(taken.tree.get("sub")).toBe(`160000 ${units[0]?.base?.commit}`);
    expect(taken.tree.has("x")).toBe(true);
    state.here("rm -rf sub/.git emb; git -C sub ls-files >/dev/null; rm -r sub; echo file >sub");
    expect((await take(state)).tree.get("sub")).toStartWith("100644");
  });

  test("a submodule that stands at another commit is recorded there", async () => {
    const state = makeCase(`git init -q -b main ../sub; (cd ../sub; echo s >s; git add s; git commit -qm s)
      ${COMMITTED}; git -c protocol.file.allow=always submodule add -q ../sub sub; git commit -qm sub; cd sub; echo t >>s; git commit -qam t`);
    const taken = await take(state);
    expect(taken.tree.get("sub")).toBe(`160000 ${state.here("git -C sub rev-parse HEAD")}`);
    expect(taken.taken.snapshot.dirty).toBe(true);
  });
});

describe(".worktreeinclude", () => {
  const MAKE = `${COMMITTED}; printf '.env\\nsecret/\\n*.log\\n' >.gitignore; printf '.env*\\nsecret/key\\n' >.worktreeinclude; git add .; git commit -qm ignore
    echo A=1 >.env; chmod +x .env; mkdir secret; echo k >secret/key; echo o >secret/other; echo l >a.log`;

  test("opts ignored files in, which travel beside the base and are never part of it", async () => {
    const taken = await take(makeCase(MAKE));
    expect(taken.taken.snapshot.included).toEqual([".env", "secret/key"]);
    expect([...taken.include.keys()]).toEqual([".env", "secret/key"]);
    expect(taken.include.get(".env")).toStartWith("100755");
    expect([...taken.tree.keys()]).not.toContain(".env");
    expect(taken.taken.snapshot.dirty).toBe(false);
    expect(taken.leftOut.ignored.examples).toEqual(["a.log", "secret/"]);
  });

  test("has no say over files that are not ignored", async () => {
    const state = makeCase(`${MAKE}; echo n >.envrc`);
    const taken = await take(state);
    expect(taken.taken.snapshot.included).toEqual([".env", "secret/key"]);
    expect(taken.tree.has(".envrc")).toBe(true);
  });
});

test("no hook, filter or monitor of the repository or the user runs", async () => {
  const state = makeCase(`${COMMITTED}
    mkdir "$HOME/hooks"; for hook in pre-commit post-index-change reference-transaction post-checkout fsmonitor-watchman; do printf '#!/bin/sh\\ntouch %s/ran\\n' "$HOME" >"$HOME/hooks/$hook"; chmod +x "$HOME/hooks/$hook"; done
    mkdir .git/hooks; cp "$HOME"/hooks/* .git/hooks/
    git config --global core.hooksPath "$HOME/hooks"; git config core.fsmonitor "$HOME/hooks/fsmonitor-watchman"
    git config --global filter.x.clean "touch $HOME/ran; cat"; git config --global filter.x.required true; echo '* filter=x' >.git/info/attributes
    git config --global diff.external "touch $HOME/ran"; git config --global core.pager "touch $HOME/ran"; rm -f "$HOME/ran"; echo x >>a.txt; echo y >y`);
  expectExactWithoutGit(await take(state), state.user);
  expect(state.here("ls $HOME")).toBe("hooks");
});

/** Without asking the user's git, which would run what is forbidden here. */
function expectExactWithoutGit(taken: Awaited<ReturnType<typeof take>>, top: string): void {
  for (const [path, entry] of taken.tree) expect([path, entry]).toEqual([path, onDisk(top, path)]);
}

test("when the user's gc took an object that an earlier snapshot relied on, everything is read again", async () => {
  const state = makeCase(`${COMMITTED}; echo gone >gone; git add gone; git commit -qm gone`);
  await take(state);
  state.here("git reset -q --soft HEAD~1; git reset -q; git reflog expire --expire=now --all; git gc -q --prune=now");
  const taken = await take(state);
  expectExact(state, taken);
  expect(taken.tree.has("gone")).toBe(true);
});

test("four sessions on one tree at once do not disturb each other, while the tree changes between them", async () => {
  const state = makeCase(COMMITTED);
  for (let round = 0; round < 3; round++) {
    writeFileSync(join(state.user, "round.txt"), `round ${round}\n`);
    const all = await Promise.all(Array.from({ length: 4 }, () => take(state)));
    for (const taken of all) expectExact(state, taken);
    expect(new Set(all.map(({ taken }) => taken.snapshot.base.tree)).size).toBe(1);
  }
}, 120_000);

test("a broken or foreign cache is made anew", async () => {
  const state = makeCase(COMMITTED);
  const { gitDir } = (await take(state)).taken.snapshot;
  for (const damage of [
    `echo junk >${gitDir}/index`,
    `rm -r ${gitDir}/objects`,
    `rm ${gitDir}/HEAD`,
    `echo x >${gitDir}/config`,
    `rm -r ${gitDir}`,
  ]) {
    state.here(`${damage}; echo x >>a.txt`);
    expectExact(state, await take(state));
  }
});

test("the remote's URL is kept without user name and password", async () => {
  const state = makeCase(
    `${COMMITTED}; git remote add origin https://me:token@example.com/x.git?key=1; git remote add up git@example.com:y.git`,
  );
  expect((await take(state)).taken.snapshot.remoteUrl).toBe("https://example.com/x.git");
  state.here("git config branch.main.remote up");
  expect((await take(state)).taken.snapshot.remoteUrl).toBe("git@example.com:y.git");
});
