/** Three large repositories of different kinds, with history, there and back. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { type LargeRepository, makeLargeRepository } from "../../scripts/bench/large-repository.ts";
import { openHome } from "../../session/home.ts";
import { glue } from "../support/glue.ts";
import { whereEnv, whereFlags } from "../support/roundtrip-on.ts";
import { tempDir } from "../support/temp-dir.ts";
import { PLAIN_ENV, sh } from "../workspace/hand-stage.ts";

const SHAPES: readonly LargeRepository[] = [
  { kind: "source", files: 6_000, bytes: 90_000_000, commits: 400 },
  { kind: "assets", files: 5_000, bytes: 90_000_000, commits: 100 },
  { kind: "deep", files: 12_000, bytes: 80_000_000, commits: 300 },
];

const WORK = `
git ls-files | sed -n '1~97p' | while read -r file; do echo edited >>"$file"; done
git commit -qam edited
git ls-files | sed -n '5~501p' | while read -r file; do mkdir -p moved; mv "$file" "moved/$(basename "$file")"; done
git ls-files | sed -n '7~997p' | xargs rm -f
head -c 2000000 /dev/urandom >blob.bin`;

test.each(SHAPES)(
  "$kind: $files files",
  async (shape) => {
    const root = tempDir();
    const cwd = join(root, "user");
    await makeLargeRepository(cwd, shape);
    sh(cwd, "git ls-files | sed -n '3~1999p' | while read -r file; do echo mine >>\"$file\"; done; echo mine >mine");
    const before = sh(
      cwd,
      "export GIT_OPTIONAL_LOCKS=0; git status --porcelain; git rev-parse HEAD; sha256sum .git/index",
    );
    const home = openHome({ GLUE_HOME: join(root, "home") });
    const run = (...args: string[]) => glue(home, args, { cwd, env: { ...PLAIN_ENV, ...whereEnv() } });
    const ran = await run("run", "--copy", ...whereFlags(), "--", "sh", "-c", WORK);
    expect([ran.code, ran.stderr.includes("glue session apply")]).toEqual([0, true]);
    const applied = JSON.parse((await run("session", "apply", "--json")).stdout);
    expect(applied).toMatchObject({ commits: 2, idsKept: true });
    expect(
      sh(cwd, "export GIT_OPTIONAL_LOCKS=0; git status --porcelain; git rev-parse HEAD; sha256sum .git/index"),
    ).toBe(before);
    // The same work on the same tree, by hand; the one file that is never the same is taken over.
    sh(
      root,
      `cp -a user hand; cd hand; git add -A; git commit -qm dirty; ${WORK}; git show ${applied.branch}:blob.bin >blob.bin; git add -A`,
    );
    expect(sh(join(root, "hand"), "git write-tree")).toBe(applied.tree);
    expect(sh(cwd, "git fsck --full --strict --no-dangling 2>&1")).toBe("");
  },
  1_200_000,
);
