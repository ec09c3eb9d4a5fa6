import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findObjects, OBJECTS } from "../../workspace/cat-file.ts";
import { ExpectedPack } from "../../workspace/expected-pack.ts";
import { tempDir } from "../support/temp-dir.ts";
import { sh } from "./hand-stage.ts";

/** A repository with two commits, a store that knows the first, and the second as a thin pack. */
function setUp() {
  const root = tempDir();
  sh(
    root,
    "git init -q -b main user; cd user; seq 500 >a; git add .; git commit -qm one; echo x >>a; git commit -qam two",
  );
  sh(
    root,
    "git clone -q --bare user store; cd store; git update-ref refs/heads/main main~1; git repack -adq; git prune",
  );
  sh(root, "cd user; printf 'main\\n^main~1\\n' | git pack-objects -q --revs --thin --stdout >../thin");
  const [old = "", head = ""] = sh(join(root, "user"), "git rev-parse main~1 main").split("\n");
  const store = join(root, "store");
  return {
    head,
    pack: new Uint8Array(readFileSync(join(root, "thin"))),
    known: new Set([old]),
    expected: new ExpectedPack({ gitDir: store }, new Set([old])),
    has: (id: string) => sh(store, `git cat-file -e ${id} 2>/dev/null && echo yes || echo no`) === "yes",
    root,
    store,
  };
}

describe("a small pack is added, and its links are proven", () => {
  for (const { title, say } of [
    { title: "where its head was told before", say: true },
    { title: "where nobody said that it comes", say: false },
  ]) {
    test(title, async () => {
      const { expected, head, pack, has, store } = setUp();
      if (say) expected.expect(head);
      expect(await expected.add(pack)).toBe(true);
      expect(has(head)).toBe(true);
      sh(store, `git fsck --strict ${head}`);
    });
  }
});

test("a pack that points to what is not here is added all the same, and said to be an open question", async () => {
  const { expected, head, root, has } = setUp();
  const pack = sh(root, `cd user; echo ${head} | git pack-objects -q ../alone`);
  expected.expect(head);
  expect(await expected.add(new Uint8Array(readFileSync(join(root, `alone-${pack}.pack`))))).toBe(false);
  expect(has(head)).toBe(true);
});

test("a torn pack is refused", async () => {
  const { expected, head, pack, has } = setUp();
  expected.expect(head);
  await expect(expected.add(pack.subarray(0, -7))).rejects.toMatchObject({ code: "gitFailed" });
  expect(has(head)).toBe(false);
});

test("what reads its objects is started while it is added, and sees them", async () => {
  const { head, pack, known, store } = setUp();
  const expected = new ExpectedPack({ gitDir: store }, known, [OBJECTS]);
  expected.expect(head);
  expected.begin(pack);
  const waiting = () => sh("/", `ps -A -o args= | grep '[c]at-file --batch' | grep -c -e '${store}' || true`);
  for (let tries = 0; tries < 100 && waiting() === "0"; tries++) await Bun.sleep(20);
  expect(waiting()).toBe("1");
  expect(await expected.add(pack)).toBe(true);
  const [found] = await findObjects(expected.options, [head]);
  expect([found?.id, found?.text.endsWith("\n\ntwo\n")]).toEqual([head, true]);
  // That one was asked; the next is a new one.
  expect((await findObjects(expected.options, [head]))[0]?.id).toBe(head);
  await expected.drop();
  expect(waiting()).toBe("0");
});

test("where no pack comes, nobody waits for it", async () => {
  const { expected, head, pack, has, store } = setUp();
  expected.expect(head);
  await expected.drop();
  const waiting = () => sh("/", `ps -A -o args= | grep '[i]ndex-pack' | grep -c -e '${store}' || true`);
  for (let tries = 0; tries < 100 && waiting() !== "0"; tries++) await Bun.sleep(50);
  expect(waiting()).toBe("0");
  // The same one can be added later.
  expect(await expected.add(pack)).toBe(true);
  expect(has(head)).toBe(true);
});
