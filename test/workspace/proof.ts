/** What must be true of every capture and every landing, whatever was done inside. */
import { expect } from "bun:test";
import { mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CaptureResult, capture } from "../../workspace/capture.ts";
import { type Landed, land } from "../../workspace/land.ts";
import { type Staged, sh } from "./hand-stage.ts";

/** Everything that can be seen of a folder from outside: names, kinds, modes, times, targets and contents. */
export function fingerprint(folder: string): string {
  return sh(
    folder,
    `find . -printf '%p|%y|%m|%T@|%l|%s\\n' | LC_ALL=C sort
     find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum`,
  );
}

/** The same of a user's repository, where git may touch the times of packs. */
export function repositoryPrint(folder: string): string {
  return sh(
    folder,
    `find . -path ./.git/objects -prune -o -printf '%p|%y|%m|%T@|%l|%s\\n' | LC_ALL=C sort
     find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum`,
  );
}

/**
 * The tree on disk, worked out from nothing: a fresh git directory, exact bytes, the ignore rules of the tree and nothing else. A file
 * called `tracked.log` is in it whatever the rules say.
 */
export function treeOnDisk(folder: string, format = "sha1"): string {
  const gitDir = realpathSync(mkdtempSync("/tmp/glue-proof-"));
  try {
    sh(folder, `git init -q --bare --object-format=${format} '${gitDir}'`);
    writeFileSync(join(gitDir, "info", "attributes"), "* -text -filter -ident -eol -working-tree-encoding\n");
    const git = `git --git-dir='${gitDir}' --work-tree=. -c core.bare=false`;
    return sh(folder, `${git} add -A .; test ! -e tracked.log || ${git} add -f tracked.log; ${git} write-tree`);
  } finally {
    sh("/", `rm -rf '${gitDir}'`);
  }
}

/** The refs inside that a capture brings back, `id name` a line. */
export function refsInside(staged: Staged): string {
  return staged.inside(
    "git for-each-ref --format='%(objectname) %(refname)' refs/heads refs/tags refs/notes 2>/dev/null || true",
  );
}

/** Captures, and proves that nothing inside changed, that the tree is the one on disk (where no rule is in the way), that ids are kept. */
export async function captureProven(staged: Staged, tree?: string): Promise<CaptureResult> {
  const workspace = staged.sandbox.folder;
  const before = fingerprint(workspace);
  const user = repositoryPrint(staged.user);
  const result = await capture(staged.sandbox, staged.request);
  expect(fingerprint(workspace)).toBe(before);
  expect(repositoryPrint(staged.user)).toBe(user);
  const { objectFormat } = staged.base.base ?? { objectFormat: "sha1" };
  expect(result.tree).toBe(tree ?? treeOnDisk(workspace, objectFormat));
  if (result.status === "captured" && (await Bun.file(join(workspace, ".git", "HEAD")).exists())) {
    const here = new Set(result.refs.map(({ id, name }) => `${id} ${name}`));
    for (const ref of refsInside(staged).split("\n")) if (ref !== "") expect(here).toContain(ref);
  }
  if (result.status === "captured") {
    const bundle = join(staged.request.sessionDir, "runtime.bundle");
    // What any git makes of the bundle, with nothing but the base at hand.
    sh(
      staged.root,
      `rm -rf check && git init -q --bare --object-format=${objectFormat} check && cp shallow check/shallow
       sed '1,/^$/d' session/base.bundle | git --git-dir=check index-pack --stdin >/dev/null
       git --git-dir=check update-ref refs/glue/base ${staged.base.base?.commit}
       git --git-dir=check bundle verify -q '${bundle}'
       git --git-dir=check fetch -q '${bundle}' 'refs/*:refs/got/*'
       git --git-dir=check fsck --full --strict --no-dangling
       test "$(git --git-dir=check rev-parse refs/got/glue/captured^{tree})" = ${result.tree}`,
    );
  }
  return result;
}

/** Lands, and proves that the branch is the only thing that changed, exact and whole, also after a clean-up. */
export async function landProven(staged: Staged, result: CaptureResult): Promise<Landed> {
  const where =
    "find . -path ./.git/objects -prune -o -path ./.git/refs/heads/glue -prune -o -path ./.git/logs/refs/heads/glue -prune -o";
  const print = `${where} -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum; git status --porcelain -z | sha256sum; git rev-parse HEAD`;
  const fsck = "git fsck --full --strict --no-dangling 2>&1";
  expect(staged.here(fsck)).toBe("");
  const before = staged.here(print);
  const landed = await land({ ...staged.request, sessionId: "s1", target: staged.user });
  expect(staged.here(print)).toBe(before);
  expect(staged.here(fsck)).toBe("");
  expect(staged.here(`git rev-parse ${landed.branch}^{tree}`)).toBe(result.tree);
  if (result.status === "captured" && result.facts.ids_kept) expect(landed.commit).toBe(result.head);
  staged.here("git -c gc.reflogExpire=now gc -q --prune=now");
  expect(staged.here(fsck)).toBe("");
  expect(staged.here(`git rev-parse ${landed.branch}^{tree}`)).toBe(result.tree);
  return landed;
}

/** Captures a tree that is written to all the time. On a busy machine the writer may not get its turn between two looks at the tree: then once more. */
export async function captureMoving({ sandbox, request }: Staged): Promise<CaptureResult> {
  for (let tries = 0; ; tries++) {
    const result = await capture(sandbox, request);
    if (result.status !== "captured" || !result.facts.quiescent || tries === 20) return result;
  }
}
