import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BOOTSTRAP_BUNDLE } from "../../workspace/layout.ts";
import type { Strategy } from "../../workspace/snapshot-types.ts";
import type { StageOptions } from "../../workspace/stage.ts";
import { testUnless } from "../support/needs.ts";
import { onlyOnHost } from "../support/roundtrip-on.ts";
import { sh } from "../workspace/hand-stage.ts";
import { makeCase } from "../workspace/snapshot-case.ts";
import { expected, filesOf, nextBox, RICH, stage, toolsWithoutGit } from "./stage-case.ts";

describe("a tree arrives byte for byte", () => {
  const WAYS: readonly { title: string; strategy: Strategy; options: StageOptions }[] = [
    { title: "as a bundle", strategy: "bundle", options: {} },
    { title: "as a bundle that is sent at once", strategy: "bundle", options: { fresh: true } },
    { title: "in pieces, where the bundle is over the cap", strategy: "chunked", options: { bundleCapBytes: 100_000 } },
    { title: "as an archive", strategy: "archive", options: { only: ["archive"] } },
  ];
  for (const { title, strategy, options } of WAYS) {
    test(title, async () => {
      const of = makeCase(RICH);
      const { base, report, box, inside } = await stage(of, { ...options, subfolder: "src" });
      expect(Object.fromEntries(filesOf(box.folder))).toEqual(expected(of));
      expect(base).toMatchObject({ strategy, dirty: true, headRef: "refs/heads/trunk", included: [".env"] });
      expect(base.sandbox.cwd).toBe(join(box.paths.workspace, "src"));
      expect(report.strategy).toBe(strategy);
      expect(report.bytesSent).toBeGreaterThan(100_000);
      // Nothing is left but what the tests themselves have there.
      expect(inside(`ls -A ${box.paths.tmp} | grep -v ^glue-test- || :`)).toBe("");
    });
  }

  testUnless(onlyOnHost, "into a sandbox without git, which has nothing but sh, cat, mkdir, kill and tar", async () => {
    const of = makeCase(RICH);
    const path = toolsWithoutGit(of.root);
    const { base, report, box } = await stage(of, { path, fresh: true });
    expect(Object.fromEntries(filesOf(box.folder))).toEqual(expected(of));
    // The bundle was on its way before it was known.
    expect(readdirSync(box.paths.tmp)).not.toContain(BOOTSTRAP_BUNDLE);
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
    expect(inside(`stat -c %a ${box.paths.private}/git`)).toBe("700");
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

  testUnless(
    onlyOnHost,
    "the sandbox's own git configuration, with hooks, templates and conversions, does not touch what is staged",
    async () => {
      const of = makeCase(RICH);
      const root = join(of.root, nextBox());
      mkdirSync(join(root, "template", "hooks"), { recursive: true });
      sh(
        root,
        `printf '#!/bin/sh\\ntouch %s/ran\\n' "$PWD" >template/hooks/post-checkout; chmod +x template/hooks/post-checkout
      HOME=$PWD git config --global init.templateDir "$PWD/template"; HOME=$PWD git config --global core.hooksPath "$PWD/template/hooks"
      HOME=$PWD git config --global core.autocrlf true`,
      );
      const { box, inside } = await stage(of);
      expect(Object.fromEntries(filesOf(box.folder))).toEqual(expected(of));
      expect(inside("ls $HOME/ran 2>/dev/null || true")).toBe("");
    },
  );
});

testUnless(
  onlyOnHost,
  "files that an image has in the workspace are refused by name, unless the tree ignores them",
  async () => {
    const of = makeCase("git init -q -b main .; echo deps/ >.gitignore; git add .; git commit -qm x");
    const workspace = join(of.root, nextBox(), "workspace");
    mkdirSync(join(workspace, "deps"), { recursive: true });
    await Bun.write(join(workspace, "deps", "prebuilt"), "x");
    const { inside } = await stage(of);
    expect(inside("cat deps/prebuilt; git status --porcelain")).toBe("x");
    const foreign = join(of.root, nextBox(), "workspace");
    mkdirSync(foreign, { recursive: true });
    await Bun.write(join(foreign, "README.image"), "x");
    expect(stage(of)).rejects.toMatchObject({ code: "stageFailed", message: expect.stringContaining("README.image") });
  },
);
