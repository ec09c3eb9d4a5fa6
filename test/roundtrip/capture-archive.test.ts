import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandExecutor } from "../../runtimes/contract.ts";
import { isGlueError } from "../../spec/glue-error.ts";
import { type CaptureRequest, capture } from "../../workspace/capture.ts";
import { TAR } from "../../workspace/capture-archive.ts";
import { testNeeding } from "../support/needs.ts";
import { handStage, type Staged, sh } from "../workspace/hand-stage.ts";
import { fingerprint, landProven, treeOnDisk } from "../workspace/proof.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-archive-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

const MAKE = `
  printf 'one\\ntwo\\n' >a.txt; mkdir -p src/deep; seq 1 100 >src/deep/n; ln -s a.txt link
  printf '#!/bin/sh\\n' >run.sh; chmod +x run.sh; printf '*.log\\n/out/\\nkeep/*\\n!keep/me\\n' >.gitignore
  echo k >tracked.log; git add -A; git add -f tracked.log; git commit -qm start`;

/** A staged tree in a sandbox that has no git. */
function stage(more = "true"): { staged: Staged; request: CaptureRequest } {
  const staged = handStage(parent, `${MAKE}; ${more}`);
  staged.inside("rm -rf .git ../private/git");
  const { sandbox } = staged.base;
  return {
    staged,
    request: { ...staged.request, base: { ...staged.base, sandbox: { ...sandbox, git: null, gitDir: null } } },
  };
}

const CASES: readonly { title: string; inside: string; files?: number }[] = [
  { title: "edits, additions, deletions", inside: "echo 3 >>a.txt; echo n >n; rm src/deep/n", files: 3 },
  {
    title: "modes and links",
    inside: "chmod +x a.txt; chmod -x run.sh; ln -sfn src link; ln -s /nowhere/else dangling",
    files: 4,
  },
  { title: "a link whose target is very long", inside: 'ln -s "$(printf "%0200d" 7)" long', files: 1 },
  { title: "hard links", inside: "echo h >h1; ln h1 h2; ln a.txt a2.txt", files: 3 },
  {
    title: "empty files and files of odd sizes",
    inside: ": >e; head -c 511 /dev/zero >x1; head -c 512 /dev/zero >x2; head -c 513 /dev/zero >x3",
    files: 4,
  },
  {
    title: "names of all kinds",
    inside: `for n in "$(printf 'new\\nline')" 'quo"te' 'back\\slash' '-dash' ' space ' "$(printf 'bad\\377')" 'glob*[x]?' 'ünï'; do echo "$n" >"$n"; done`,
    files: 8,
  },
  {
    title: "long paths",
    inside: 'd=$(printf "%0120d/%0120d" 1 2); mkdir -p "$d"; echo x >"$d/$(printf "%0100d" 3)"',
    files: 1,
  },
  {
    title: "ignored folders, which are not sent, and files that a rule takes back",
    inside:
      "mkdir -p out/x keep sub; echo o >out/x/o; echo l >sub/l.log; echo 1 >keep/one; echo 2 >keep/me; echo t >>tracked.log",
    files: 2,
  },
  {
    title: "rules that changed inside",
    inside:
      "echo fresh >src/.gitignore; echo x >src/deep/fresh; mkdir -p y; echo '!*.log' >y/.gitignore; echo l >y/l.log",
    files: 3,
  },
  {
    title: "a folder in place of a file and the other way round",
    inside: "rm a.txt; mkdir a.txt; echo x >a.txt/x; rm -r src; echo s >src",
  },
];

describe("a capture from a sandbox without git brings back", () => {
  for (const { title, inside, files } of CASES) {
    test(title, async () => {
      const { staged, request } = stage();
      staged.inside(inside);
      const workspace = staged.sandbox.folder;
      const before = fingerprint(workspace);
      const result = await capture(staged.sandbox, request);
      expect(fingerprint(workspace)).toBe(before);
      expect(result.tree).toBe(treeOnDisk(workspace));
      if (files !== undefined)
        expect(result).toMatchObject({ facts: { files_changed: files, commits: 1, quiescent: true } });
      await landProven(staged, result);
    }, 120_000);
  }

  test("nothing where nothing changed, and the same commit where nothing more did", async () => {
    const { staged, request } = stage();
    expect((await capture(staged.sandbox, request)).status).toBe("nothing");
    expect(sh(request.gitDir, "find objects -type f ! -path 'objects/info/*'")).toBe("");
    staged.inside("echo x >x");
    const first = await capture(staged.sandbox, request);
    const second = await capture(staged.sandbox, request);
    expect(first.status === "captured" && second.status === "captured" && first.head === second.head).toBe(true);
    staged.inside("rm x; echo y >y; echo s >.env");
    const included = { ...request, base: { ...request.base, included: [".env"] } };
    const third = await capture(staged.sandbox, included);
    expect(sh(request.gitDir, `git --git-dir=. diff --name-only ${staged.base.base?.commit} ${third.tree}`)).toBe("y");
  }, 120_000);

  test("large files that were changed without becoming longer, also between two looks at them", async () => {
    const large = "head -c 1500000 /dev/zero >same; cp same first; cp same later; git add -A; git commit -qm large";
    const { staged, request } = stage(large);
    const change = (name: string) =>
      staged.inside(`printf x | dd of=${name} bs=1 seek=700000 conv=notrunc 2>/dev/null`);
    change("first");
    let looks = 0;
    const run: CommandExecutor["run"] = (command, options) => {
      if ("script" in command && command.script === TAR && ++looks === 2) change("later");
      return staged.sandbox.executor.run(command, options);
    };
    const { workspace } = staged.sandbox;
    const result = await capture({ executor: { ...staged.sandbox.executor, run }, workspace }, request);
    expect(looks).toBe(3);
    expect(result.tree).toBe(treeOnDisk(staged.sandbox.folder));
    expect(result).toMatchObject({ facts: { files_changed: 2, quiescent: true } });
    await landProven(staged, result);
  }, 120_000);

  test("no more untracked content than the cap allows", async () => {
    const { staged, request } = stage();
    staged.inside("mkdir build; head -c 3000000 /dev/zero >build/big");
    const error = await capture(staged.sandbox, { ...request, capBytes: 1_000_000 }).catch((thrown: unknown) => thrown);
    expect(isGlueError(error, "captureTooLarge") && error.message).toContain("build/");
  }, 120_000);

  test("no file that an archive could smuggle onto this machine", async () => {
    const { staged, request } = stage();
    staged.inside("ln -s / root; mkdir -p x/.git/hooks; echo evil >x/.git/hooks/post-checkout");
    const result = await capture(staged.sandbox, request);
    expect(result.warnings.join()).toContain(".git");
    expect(sh(request.gitDir, `git --git-dir=. ls-tree -r --name-only ${result.tree}`)).not.toContain("hooks");
    expect(existsSync(join(request.gitDir, "hooks"))).toBe(false);
  }, 120_000);
});

testNeeding(
  ["root"],
  "a file that cannot be read fails the capture from a sandbox without git",
  async () => {
    const { staged, request } = stage();
    const sandbox = staged.sandbox.unprivileged();
    staged.inside("chmod 000 a.txt");
    const error = await capture(sandbox, request).catch((thrown: unknown) => thrown);
    expect(isGlueError(error, "captureFailed") && error.message).toContain("a.txt");
  },
  120_000,
);
