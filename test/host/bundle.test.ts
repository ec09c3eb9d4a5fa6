import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sh } from "../workspace/hand-stage.ts";
import { expectExact, makeCase, type Taken, take } from "../workspace/snapshot-case.ts";

const COMMITS = `git init -q -b main .; mkdir d; for n in $(seq 40); do seq $n 200 >d/$n; done; git add .; git commit -qm first; git repack -adq
  for n in $(seq 20); do echo second >>d/$n; done; git commit -qam second; git repack -dq
  for n in $(seq 10); do echo third >>d/$n; done; git commit -qam third`;

/** The pack of a taken bundle, written out, and the index that git makes for it. */
function reindex(taken: Taken): Buffer {
  const { packAt = 0 } = taken.bundle.packIndex ?? {};
  writeFileSync(join(taken.sessionDir, "x.pack"), readFileSync(taken.bundle.path).subarray(packAt));
  sh(taken.sessionDir, `git index-pack --object-format=${taken.taken.snapshot.base.objectFormat} x.pack >/dev/null`);
  return readFileSync(join(taken.sessionDir, "x.idx"));
}

describe("the pack's index that is sent along is the one that git makes", () => {
  const STATES = [
    { title: "one pack", make: `${COMMITS}; git repack -adq` },
    { title: "several packs and loose objects: the packs are joined", make: COMMITS },
    {
      title: "uncommitted work and an opted-in file",
      make: `${COMMITS}; echo x >>d/7; echo d/new >.gitignore; echo d/new >.worktreeinclude; echo n >d/new`,
    },
    {
      title: "much new content, shared out to several processes",
      make: `${COMMITS}; for n in $(seq 5); do yes "some line $n" | head -c 5200000 >big$n; done`,
    },
    { title: "SHA-256", make: COMMITS.replace("init", "init --object-format=sha256") },
    { title: "no repository", make: "for n in $(seq 40); do echo $n >$n; done" },
    { title: "nothing at all", make: "true" },
  ];
  for (const { title, make } of STATES) {
    test(title, async () => {
      const of = makeCase(make);
      for (const _ of ["first", "second"]) {
        const taken = await take(of);
        expect(taken.bundle.packIndex).toBeDefined();
        expect(reindex(taken).equals(Buffer.from(taken.bundle.packIndex?.bytes ?? []))).toBe(true);
      }
    }, 120_000);
  }
});

test("the same tree is bundled once: the next session has the file by a link", async () => {
  const of = makeCase(`${COMMITS}; echo x >>d/1`);
  const [first, second] = [await take(of), await take(of)];
  expect(statSync(second.bundle.path).ino).toBe(statSync(first.bundle.path).ino);
  of.here("echo y >>d/1");
  const third = await take(of);
  expect(statSync(third.bundle.path).ino).not.toBe(statSync(first.bundle.path).ino);
  // Those of older sessions stay theirs.
  expect(sh(first.sessionDir, "git -C check bundle list-heads ../base.bundle")).toContain("refs/glue/base");
});

test("a bundle is made anew where the cached one vanished or its index belongs to another", async () => {
  const of = makeCase(`${COMMITS}; echo x >>d/1`);
  const first = await take(of);
  const folder = join(first.taken.store.gitDir, "bundles");
  for (const name of readdirSync(folder))
    if (name.endsWith(".idx")) writeFileSync(join(folder, name), Buffer.alloc(2_000));
  expect((await take(of)).bundle.packIndex).toBeUndefined();
  sh(folder, "rm *");
  expect((await take(of)).bundle.packIndex).toBeDefined();
});

test("what was compressed once is kept for the next session, and old packs go", async () => {
  // A file as young as the index is hashed again, and git makes a pack young in which it then finds the object.
  const of = makeCase(
    `${COMMITS}; yes one | head -c 6000000 >big; find . -path ./.git -prune -o -exec touch -d '1 hour ago' {} +`,
  );
  const first = await take(of);
  const packs = join(first.taken.store.gitDir, "objects", "pack");
  const kept = readdirSync(packs).filter((name) => name.endsWith(".pack"));
  expect(kept.length).toBeGreaterThan(0);
  sh(packs, "touch -d '2 hours ago' *");
  of.here("yes two | head -c 6000000 >big");
  expectExact(of, await take(of));
  // One that holds the very same objects as before has the same name, and stays.
  const now = readdirSync(packs);
  expect(kept.filter((name) => !now.includes(name))).not.toBeEmpty();
});

test("history is not shipped: an object of an older commit is not in the bundle", async () => {
  const of = makeCase(
    "git init -q -b main .; echo secret >s; git add .; git commit -qm s; git rm -q s; echo x >x; git add .; git commit -qm x",
  );
  const { gitDir } = await take(of);
  const secret = of.here("git rev-parse HEAD~1:s");
  expect(sh(gitDir, `git --git-dir=. cat-file -e ${secret} 2>/dev/null && echo there || echo gone`)).toBe("gone");
});

test("deltas between what travels are kept, also where their chain ends at something that does not", async () => {
  // git compares files by the ends of their names, longer ones first: b stands on what a was, and a on b, with which it shares more.
  const of = makeCase(`git init -q -b main .; mkdir a b; names=$(seq -f the-name-of-the-file-%02g 20)
    for n in $names; do head -c 40000 /dev/urandom | base64 >a/$n; done; git add .; git commit -qm long
    for n in $names; do sed -i '1,20d; n; n; n; n; s/^./=/' a/$n; (cat a/$n; echo b) >b/$n; done
    git add .; git commit -qm short; git repack -adfq`);
  const standing = "git ls-tree -r --object-only HEAD | git cat-file --batch-check='%(deltabase)' | grep -c '[1-9a-f]'";
  expect(of.here(standing)).toBe("40");
  const { bundle } = await take(of);
  const whole = of.here(
    "git clone -q --bare --depth 1 file://$PWD ../whole.git; cat ../whole.git/objects/pack/*.pack | wc -c",
  );
  expect(bundle.size).toBeLessThan(Number(whole) * 1.02);
});
