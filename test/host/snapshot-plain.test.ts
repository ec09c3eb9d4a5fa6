import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { pathText } from "../../workspace/layout.ts";
import { takePlainSnapshot } from "../../workspace/snapshot-plain.ts";
import { parseConfig } from "../../workspace/snapshot-plain-git.ts";
import { type Case, makeCase } from "../workspace/snapshot-case.ts";

function plain(of: Case) {
  return takePlainSnapshot({ top: of.user, subfolder: "", outsideGitDirs: [] }, of.env);
}

/** What git would take: tracked or not ignored, and on disk. */
function gitTakes(of: Case): string[] {
  const list = "git ls-files -z -c -o --exclude-standard | sort -zu";
  const text = Bun.spawnSync(["sh", "-c", list], { cwd: of.user, env: of.env }).stdout.toString("latin1");
  const paths = text.split("\0").filter((path) => path !== "" && !path.endsWith("/"));
  return paths.map((path) => pathText(Buffer.from(path, "latin1"))).sort();
}

const paths = (files: readonly { path: Uint8Array }[]) => files.map(({ path }) => pathText(path)).sort();

describe("without git on the host", () => {
  const STATES: readonly { title: string; make: string }[] = [
    {
      title: "ignore files at several depths, with rules taken back",
      make: `git init -q .; mkdir -p a/b/c build/keep docs/build; printf '*.log\\n!keep.log\\nbuild/\\n/only-top\\n' >.gitignore
        printf '!*.log\\n/c/*\\n!/c/stay\\n' >a/b/.gitignore; for f in x.log keep.log a/x.log a/b/x.log a/b/c/go a/b/c/stay build/keep/x docs/build/y only-top a/only-top; do echo x >$f; done`,
    },
    {
      title: "tracked files that are ignored, and ignored folders with tracked files",
      make: `git init -q .; mkdir -p out/deep; echo 1 >out/deep/kept; echo 2 >out/other; echo 3 >t.log; git add .; printf 'out/\\n*.log\\n' >.gitignore; git rm -q --cached out/other`,
    },
    {
      title: "info/exclude and core.excludesFile",
      make: `git init -q .; git config core.excludesFile '~/rules'; printf '*.swp\\n' >"$HOME/rules"; echo secret >.git/info/exclude; echo '!keep.swp' >>.git/info/exclude; for f in a.swp keep.swp secret other; do echo x >$f; done`,
    },
    {
      title: "an excludes file of the user's own configuration",
      make: `git init -q .; printf '[core]\\n\\texcludesFile = "~/my rules" ; comment\\n' >"$HOME/.gitconfig"; echo '*.o' >"$HOME/my rules"; echo x >a.o; echo y >a.c`,
    },
    {
      title: "an index of version 4, with names that share beginnings",
      make: `git init -q .; mkdir -p some/deep/folder; for n in a ab abc b; do echo $n >some/deep/folder/$n; done; git add .; git update-index --index-version 4; echo 'some/' >.gitignore; git add -N .gitignore`,
    },
    {
      title: "an index of version 3 and one that counts in SHA-256",
      make: `git init -q --object-format=sha256 .; echo x >x.log; echo y >y; git add .; git add -N y; git update-index --skip-worktree x.log; echo '*.log' >.gitignore`,
    },
    {
      title: "odd names, in rules and on disk",
      make: `git init -q .; printf '\\\\#hash\\n\\\\!bang\\ntrailing \\nspace\\\\ \\n[a-c]x\\nq?\\nb*d\\n' >.gitignore; mkdir 'a[b' 'a b'; printf '*.x\\n' >'a[b/.gitignore'; printf '/y\\n' >'a b/.gitignore'
        for f in '#hash' '!bang' 'trailing' 'space ' ax dx q1 q12 bad band "$(printf 'bad\\377')" 'a[b/1.x' 'a[b/1.y' 'a b/y' 'a b/z'; do echo x >"$f"; done`,
    },
    {
      title: "star-star rules",
      make: `git init -q .; mkdir -p a/b/c d/a; printf '**/c/**\\na/**/x\\n/d/**\\n!/d/a/\\n' >.gitignore; for f in a/b/c/y a/x a/b/x d/z d/a/w; do echo x >$f; done`,
    },
    { title: "an empty repository", make: "git init -q ." },
    {
      title: "line ends of the other kind",
      make: "git init -q .; printf '*.log\\r\\nb/\\r\\n' >.gitignore; mkdir b; echo x >b/x; echo y >y.log; echo z >z",
    },
  ];
  for (const { title, make } of STATES) {
    test(`the same files are chosen as by git: ${title}`, () => {
      const of = makeCase(make);
      expect(paths(plain(of).files)).toEqual(gitTakes(of));
    });
  }

  test("the same files are chosen as by git: random rules and trees", () => {
    const name = fc.constantFrom("a", "b", "ab", "x.log", "build");
    const rule = fc.constantFrom(
      "a",
      "a/",
      "/a",
      "*.log",
      "build/",
      "!a",
      "!x.log",
      "a/b",
      "**/b",
      "b/**",
      "a/*",
      "!/a/b",
      "*",
      "!*/",
      "?b",
      "[ab]",
    );
    const folder = fc.array(name, { maxLength: 2 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(folder, name), { minLength: 1, maxLength: 8 }),
        fc.array(fc.tuple(folder, fc.array(rule, { minLength: 1, maxLength: 4 })), { maxLength: 3 }),
        fc.boolean(),
        (files, rules, track) => {
          const of = makeCase("git init -q .");
          const write = files.map(
            ([at, file]) =>
              `mkdir -p "./${at.join("/")}" 2>/dev/null && echo x >"./${[...at, file].join("/")}" 2>/dev/null || true`,
          );
          const ignore = rules.map(
            ([at, lines]) =>
              `mkdir -p "./${at.join("/")}" 2>/dev/null && printf '%s\\n' ${lines.map((line) => `'${line}'`).join(" ")} >"./${[...at, ".gitignore"].join("/")}" 2>/dev/null || true`,
          );
          of.here([...write, track ? "git add -A" : "true", ...ignore].join("\n"));
          expect(paths(plain(of).files)).toEqual(gitTakes(of));
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);

  test("HEAD, branch and remote are read from loose and packed refs, in linked worktrees as well", () => {
    const of =
      makeCase(`git init -q -b main .; echo x >x; git add x; git commit -qm x; git remote add origin https://me:pw@example.com/x.git
      git worktree add -q ../linked -b side; (cd ../linked; echo y >y; git add y; git commit -qm y)`);
    const { snapshot } = plain(of);
    expect(snapshot).toMatchObject({
      head: of.here("git rev-parse HEAD"),
      headRef: "refs/heads/main",
      remoteUrl: "https://example.com/x.git",
      base: null,
    });
    const linked = takePlainSnapshot({ top: `${of.root}/linked`, subfolder: "", outsideGitDirs: [] }, of.env).snapshot;
    expect(linked).toMatchObject({ head: of.here("git rev-parse side"), headRef: "refs/heads/side" });
    of.here("git pack-refs --all; git checkout -q --detach");
    expect(plain(of).snapshot).toMatchObject({ head: of.here("git rev-parse HEAD"), headRef: null });
    of.here("git checkout -q main");
    expect(plain(of).snapshot).toMatchObject({ head: of.here("git rev-parse HEAD"), headRef: "refs/heads/main" });
  });

  test("what is opted in and what stays behind is told as with git", () => {
    const of =
      makeCase(`git init -q -b main .; printf '.env\\nbuild/\\n*.log\\n' >.gitignore; printf '.env\\nbuild/keep\\n' >.worktreeinclude; mkdir build empty sub; mkfifo pipe
      echo s >.env; echo k >build/keep; echo o >build/other; echo l >x.log; git init -q sub; echo n >sub/n`);
    const { included, leftOut, snapshot } = plain(of);
    expect(paths(included)).toEqual([".env", "build/keep"]);
    expect(leftOut.ignored).toEqual({ files: 1, folders: 1, examples: ["build/", "x.log"] });
    expect(leftOut.special).toEqual([{ path: "pipe", kind: "fifo" }]);
    expect(leftOut.emptyFolders).toEqual({ count: 1, paths: ["empty"] });
    expect(snapshot.units).toEqual([{ path: "sub", kind: "embedded", recorded: null, head: null, base: null }]);
    expect(snapshot.conversionsUnknown).toBe(true);
  });
});

test("git's configuration syntax is understood", () => {
  const text = `; comment\n[core]\n\tbare = false\n\teditor = "a \\"b\\" # c" # d\n[remote "up \\"x\\""] url = https://x/y.git\n[branch "main"]\n  remote=up\\\n stream\n[a.b]\nflag\n`;
  expect(parseConfig(text)).toEqual([
    ["core.bare", "false"],
    ["core.editor", 'a "b" # c'],
    ['remote.up "x".url', "https://x/y.git"],
    ["branch.main.remote", "up stream"],
    ["a.b.flag", "true"],
  ]);
});
