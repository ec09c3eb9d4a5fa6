import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathText } from "../../workspace/layout.ts";
import { prepareSnapshot } from "../../workspace/snapshot-prepare.ts";
import type { Strategy } from "../../workspace/snapshot-types.ts";
import { type Staged, type StageOptions, stageTree } from "../../workspace/stage.ts";
import { PLAIN_ENV, sh } from "../workspace/hand-stage.ts";
import { type LocalSandbox, localSandbox } from "../workspace/local-sandbox.ts";
import { type Case, makeCase, onDisk } from "../workspace/snapshot-case.ts";

/** A tree with a bit of everything that travels. */
const RICH = `git init -q -b trunk .
  printf 'one\\r\\ntwo\\n$Id$\\n' >crlf.txt; printf '#!/bin/sh\\n' >run.sh; chmod +x run.sh; head -c 300000 /dev/urandom >binary; : >empty
  mkdir -p src/deep/deeper; echo x >src/deep/deeper/x; ln -s ../../nowhere src/dangling; ln -s /etc/passwd absolute; ln -s src linked
  long=$(printf 'long-%s' $(seq 30)); mkdir -p "$long/$long"; echo long >"$long/$long/$long"; ln -s "$long/$long/$long" longlink
  printf '* text=auto\\n*.txt ident\\n' >.gitattributes; printf '.env\\nbuild/\\n*.tmp\\n' >.gitignore; echo .env >.worktreeinclude
  git add . 2>/dev/null; git commit -qm first; echo force >forced.tmp; git add -f forced.tmp; git commit -qm second
  for name in "$(printf 'new\\nline')" '"quoted"' 'back\\slash' '-dash' ' space ' "$(printf 'bad\\377name')" '*' é; do echo "$name" >"$name"; done
  echo dirty >>crlf.txt; rm empty; echo new >src/new; chmod -x run.sh; echo SECRET=1 >.env; mkdir build; echo o >build/o; echo t >a.tmp
  echo '*.swp' >.git/info/exclude; echo s >a.swp`;

/** The files of a tree, `mode id` by path, without `.git`. */
function filesOf(top: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (folder: Buffer): void => {
    for (const name of readdirSync(Buffer.concat([Buffer.from(`${top}/`), folder]), { encoding: "buffer" })) {
      if (folder.length === 0 && name.toString() === ".git") continue;
      const path = folder.length === 0 ? name : Buffer.concat([folder, Buffer.from("/"), name]);
      if (lstatSync(Buffer.concat([Buffer.from(`${top}/`), path])).isDirectory()) walk(path);
      else found.set(pathText(path), onDisk(top, path));
    }
  };
  walk(Buffer.alloc(0));
  return found;
}

/** What shall arrive: all but what is ignored, and what is opted in. */
function expected(of: Case): Record<string, string> {
  const files = filesOf(of.user);
  const list = "git ls-files -z -o -i --exclude-standard";
  const ignored = Bun.spawnSync(["sh", "-c", list], { cwd: of.user, env: of.env })
    .stdout.toString("latin1")
    .split("\0");
  for (const path of ignored) if (path !== ".env") files.delete(pathText(Buffer.from(path, "latin1")));
  return Object.fromEntries(files);
}

interface Arrived extends Staged {
  readonly box: LocalSandbox;
  readonly sessionDir: string;
  inside(script: string): string;
}

/** A folder with the tools that a sandbox needs, and nothing else. */
function toolsWithoutGit(root: string, more: readonly string[] = []): string {
  const bin = join(root, "bin");
  mkdirSync(bin);
  for (const tool of ["sh", "cat", "mkdir", "kill", "tar", ...more])
    symlinkSync(Bun.which(tool) ?? "", join(bin, tool));
  return bin;
}

let boxes = 0;

async function stage(of: Case, options: StageOptions & { path?: string; subfolder?: string } = {}): Promise<Arrived> {
  const root = join(of.root, `box-${++boxes}`);
  const sessionDir = join(root, "session");
  mkdirSync(sessionDir, { recursive: true });
  const env = { ...PLAIN_ENV, HOME: root, ...(options.path === undefined ? {} : { PATH: options.path }) };
  const box = localSandbox(root, env);
  const tree = { top: of.user, subfolder: options.subfolder ?? "", outsideGitDirs: [] };
  const prepared = prepareSnapshot(tree, { glueHome: of.home, sessionDir, hostEnv: of.env });
  const staged = await stageTree(box, prepared, options);
  return {
    ...staged,
    box,
    sessionDir,
    inside: (script) => sh(box.paths.workspace, script, { ...PLAIN_ENV, HOME: root }),
  };
}

describe("a tree arrives byte for byte", () => {
  const WAYS: readonly { title: string; strategy: Strategy; options: StageOptions }[] = [
    { title: "as a bundle", strategy: "bundle", options: {} },
    { title: "in pieces, where the bundle is over the cap", strategy: "chunked", options: { bundleCapBytes: 100_000 } },
    { title: "as an archive", strategy: "archive", options: { only: ["archive"] } },
  ];
  for (const { title, strategy, options } of WAYS) {
    test(title, async () => {
      const of = makeCase(RICH);
      const { base, report, box } = await stage(of, { ...options, subfolder: "src" });
      expect(Object.fromEntries(filesOf(box.paths.workspace))).toEqual(expected(of));
      expect(base).toMatchObject({ strategy, dirty: true, headRef: "refs/heads/trunk", included: [".env"] });
      expect(base.sandbox.cwd).toBe(join(box.paths.workspace, "src"));
      expect(report.strategy).toBe(strategy);
      expect(report.bytesSent).toBeGreaterThan(100_000);
      expect(readdirSync(box.paths.tmp)).toEqual([]);
    });
  }

  test("into a sandbox without git, which has nothing but sh, cat, mkdir, kill and tar", async () => {
    const of = makeCase(RICH);
    const path = toolsWithoutGit(of.root);
    const { base, report, box } = await stage(of, { path });
    expect(Object.fromEntries(filesOf(box.paths.workspace))).toEqual(expected(of));
    expect(base.sandbox).toMatchObject({ git: null, gitDir: null });
    expect(report.passedOver).toEqual([{ strategy: "bundle", reason: "the sandbox has no git" }]);
    expect(base.base?.tree).toHaveLength(40);
  });
});

describe("inside, after staging", () => {
  test("there is an ordinary repository: clean, on the branch, with the base on top, no remote, no hook, an identity", async () => {
    const of = makeCase(RICH);
    const { base, inside } = await stage(of);
    expect(inside("git status --porcelain --untracked-files=all")).toBe("");
    expect(inside("git log --format=%H")).toBe(base.base?.commit ?? "");
    expect(inside("git log -1 --format=%s")).toBe("uncommitted work");
    expect(inside("git cat-file -p HEAD")).toContain(`parent ${base.head}`);
    expect(inside("git symbolic-ref HEAD")).toBe("refs/heads/trunk");
    expect(inside("git remote; ls .git/hooks 2>/dev/null || true")).toBe("");
    expect(inside("git config user.name; git config user.email")).toBe("glue\nglue@localhost");
    expect(inside("git for-each-ref --format='%(refname)'")).toBe("refs/heads/trunk");
    expect(inside("git fsck --full --strict --no-dangling")).toBe("");
    inside("echo more >>crlf.txt; git commit -qam agent; git gc -q --prune=now; git fsck --full --no-dangling");
    expect(inside("git log --format=%s")).toBe("agent\nuncommitted work");
  });

  test("a clean tree stands at HEAD itself", async () => {
    const of = makeCase(
      "git init -q -b main .; echo x >x; git add x; git commit -qm first; echo y >x; git commit -qam second",
    );
    const { base, inside } = await stage(of);
    expect(inside("git log --format='%H %s'")).toBe(`${of.here("git rev-parse HEAD")} second`);
    expect(base).toMatchObject({ dirty: false, base: { parent: null } });
  });

  test("a detached HEAD stays detached, an unborn branch is born, a folder without a repository becomes one", async () => {
    const detached = await stage(
      makeCase("git init -q -b main .; echo x >x; git add x; git commit -qm x; git checkout -q --detach"),
    );
    expect(detached.inside("git rev-parse --abbrev-ref HEAD")).toBe("HEAD");
    expect(detached.inside("git status --porcelain")).toBe("");
    const unborn = await stage(makeCase("git init -q -b fresh .; echo x >x"));
    expect(unborn.inside("git log --format=%D")).toBe("HEAD -> fresh");
    const folder = await stage(makeCase("echo x >x"));
    expect(folder.inside("git status --porcelain; git log --format=%s; cat x")).toBe("uncommitted work\nx");
    const empty = await stage(makeCase("true"));
    expect(empty.inside("git status --porcelain; git log --format=%s; ls")).toBe("uncommitted work");
  });

  test("glue's own git directory holds the base by itself, out of reach of what happens to the workspace", async () => {
    const { base, box, inside } = await stage(makeCase(RICH));
    inside("rm -rf .git");
    const own = `git --git-dir=${base.sandbox.gitDir}`;
    expect(inside(`${own} rev-parse refs/glue/base`)).toBe(base.base?.commit ?? "");
    expect(inside(`${own} rev-parse refs/glue/base^{tree}`)).toBe(base.base?.tree ?? "");
    expect(inside(`${own} fsck --full --strict --no-dangling 2>/dev/null`)).toBe("");
    expect(lstatSync(join(box.paths.private, "git")).mode & 0o777).toBe(0o700);
    const changed = `GIT_INDEX_FILE=${base.sandbox.gitDir}/index ${own} -c core.bare=false --work-tree=. diff-files --name-only`;
    expect(inside(`${changed}; echo x >>crlf.txt; ${changed}`)).toBe("crlf.txt");
  });

  test("what the host ignores by rules that do not travel is ignored there too, and so is what was opted in", async () => {
    const { inside } = await stage(makeCase(`${RICH}; sed -i /.env/d .gitignore; echo .env >>.git/info/exclude`));
    expect(inside("cat .env; echo x >b.swp; git status --porcelain --untracked-files=all")).toBe("SECRET=1");
  });

  test("a repository that counts in SHA-256 does so there", async () => {
    const of = makeCase(
      "git init -q -b main --object-format=sha256 .; echo x >x; git add x; git commit -qm x; echo y >y",
    );
    const { inside, base } = await stage(of);
    expect(inside("git rev-parse --show-object-format; git status --porcelain; git rev-parse HEAD")).toBe(
      `sha256\n${base.base?.commit}`,
    );
  });

  test("the sandbox's own git configuration, with hooks, templates and conversions, does not touch what is staged", async () => {
    const of = makeCase(RICH);
    const root = join(of.root, `box-${boxes + 1}`);
    mkdirSync(join(root, "template", "hooks"), { recursive: true });
    sh(
      root,
      `printf '#!/bin/sh\\ntouch %s/ran\\n' "$PWD" >template/hooks/post-checkout; chmod +x template/hooks/post-checkout
      HOME=$PWD git config --global init.templateDir "$PWD/template"; HOME=$PWD git config --global core.hooksPath "$PWD/template/hooks"
      HOME=$PWD git config --global core.autocrlf true`,
    );
    const { box, inside } = await stage(of);
    expect(Object.fromEntries(filesOf(box.paths.workspace))).toEqual(expected(of));
    expect(inside("ls $HOME/ran 2>/dev/null || true")).toBe("");
  });
});

test("files that an image has in the workspace are refused by name, unless the tree ignores them", async () => {
  const of = makeCase("git init -q -b main .; echo deps/ >.gitignore; git add .; git commit -qm x");
  const workspace = join(of.root, `box-${boxes + 1}`, "workspace");
  mkdirSync(join(workspace, "deps"), { recursive: true });
  await Bun.write(join(workspace, "deps", "prebuilt"), "x");
  const { inside } = await stage(of);
  expect(inside("cat deps/prebuilt; git status --porcelain")).toBe("x");
  const foreign = join(of.root, `box-${boxes + 1}`, "workspace");
  mkdirSync(foreign, { recursive: true });
  await Bun.write(join(foreign, "README.image"), "x");
  expect(stage(of)).rejects.toMatchObject({ code: "stageFailed", message: expect.stringContaining("README.image") });
});
