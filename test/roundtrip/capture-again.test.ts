import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Workspace } from "../../runtimes/contract.ts";
import { GlueError, isGlueError } from "../../spec/glue-error.ts";
import { capture } from "../../workspace/capture.ts";
import { captureInside } from "../../workspace/capture-inside.ts";
import { testNeeding } from "../support/needs.ts";
import { handStage, type Staged, sh } from "../workspace/hand-stage.ts";
import { captureMoving, captureProven, landProven } from "../workspace/proof.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-again-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

const MAKE = `seq 1 5000 >numbers; mkdir d; echo x >d/x; printf '*.log\\n.env\\n' >.gitignore; git add -A; git commit -qm start`;
const SLOW = 300_000;

function stage(): Staged {
  return handStage(parent, MAKE);
}

function file(staged: Staged, name: string): string {
  return join(staged.request.sessionDir, name);
}

test(
  "a large change whose transfer broke off is gone on with by the next capture, and comes whole",
  async () => {
    const staged = stage();
    staged.inside("head -c 9000000 /dev/urandom >big.bin; echo more >more");
    const { executor, workspace } = staged.sandbox;
    let asked = 0;
    const dead = () => new GlueError("runtimeUnreachable", "The line is dead.", { retryable: true });
    const broken: Workspace = {
      ...workspace,
      download: async (path) => {
        const start = (await workspace.read(path)).subarray(0, 6_000_000);
        return new Blob([start.slice()]).stream();
      },
      read: async (path, range) => {
        if (range !== undefined && range.length > 100) throw dead();
        return await workspace.read(path, range);
      },
    };
    await expect(capture({ executor, workspace: broken }, staged.request)).rejects.toMatchObject({
      code: "runtimeUnreachable",
    });
    const counting: Workspace = {
      ...workspace,
      download: async () => {
        throw new Error("the beginning is here already");
      },
      read: async (path, range) => {
        asked += range?.length ?? 0;
        return await workspace.read(path, range);
      },
    };
    const result = await capture({ executor, workspace: counting }, staged.request);
    expect(asked).toBe(result.bytes - 6_000_000 + 20);
    const again = await captureProven(staged);
    expect(again.tree).toBe(result.tree);
    await landProven(staged, again);
  },
  SLOW,
);

describe("a capture that follows another", () => {
  for (const [what, inside, names] of [
    ["a new file", "echo n >d/new", ["d/new"]],
    ["a repository made inside", "git init -q n; echo f >n/f; git -C n add f; git -C n commit -qm n", ["n/f"]],
    ["a file in the place of a folder", "rm -r d; echo f >d", ["d"]],
    [
      "a file that was taken away, and one of the same name that came back",
      "rm numbers; echo new >numbers",
      ["numbers"],
    ],
  ] as const) {
    test(
      `sees ${what} after one that saw nothing but edits`,
      async () => {
        const staged = stage();
        for (const edit of ["echo 1 >>numbers", "echo 2 >>numbers", inside, "echo 3 >>.gitignore"]) {
          staged.inside(edit);
          const result = await capture(staged.sandbox, staged.request);
          if (result.status !== "captured") throw new Error("nothing was captured");
        }
        const result = await capture(staged.sandbox, staged.request);
        const files = sh(staged.root, `git --git-dir=cache/capture ls-tree -r --name-only ${result.tree}`).split("\n");
        const there = staged.inside("find . -name .git -prune -o -type f -printf '%P\n' | LC_ALL=C sort").split("\n");
        expect(files.toSorted()).toEqual(there);
        for (const name of names) expect(files).toContain(name);
        if (result.status === "captured") await landProven(staged, result);
      },
      SLOW,
    );
  }

  test(
    "brings only what is new, at most 10 kB for ten lines, and the bundle holds all of it",
    async () => {
      const staged = stage();
      staged.inside("head -c 3000000 /dev/urandom >big.bin; git add -A; git commit -qm big");
      const first = await captureProven(staged);
      expect(first.bytes).toBeGreaterThan(2_900_000);
      staged.inside("sed -i '100,109s/$/ changed/' numbers");
      const second = await captureProven(staged);
      expect(second.bytes).toBeLessThan(10_000);
      expect(Bun.file(file(staged, "runtime.bundle")).size).toBeGreaterThan(2_900_000);
      staged.inside("git commit -qam lines; git tag done; echo more >more");
      const third = await captureProven(staged);
      expect(third.bytes).toBeLessThan(10_000);
      await landProven(staged, third);
    },
    SLOW,
  );

  test(
    "finds nothing new and says the same again",
    async () => {
      const staged = stage();
      staged.inside("echo y >y");
      const first = await captureProven(staged);
      const second = await captureProven(staged);
      expect(second).toMatchObject({ status: "captured", tree: first.tree });
      expect(second.status === "captured" && first.status === "captured" && second.head === first.head).toBe(true);
      expect(second.bytes).toBeLessThan(100);
    },
    SLOW,
  );

  test(
    "removes the patch when everything was undone",
    async () => {
      const staged = stage();
      staged.inside("echo y >y");
      expect((await captureProven(staged)).status).toBe("captured");
      staged.inside("rm y");
      expect((await captureProven(staged)).status).toBe("nothing");
      expect(existsSync(file(staged, "runtime.bundle")) || existsSync(file(staged, "runtime.mbox"))).toBe(false);
    },
    SLOW,
  );

  test(
    "keeps the commits of a .git that is deleted in between, and those of branches",
    async () => {
      const staged = stage();
      staged.inside(
        "git checkout -qb one; echo 1 >1; git add 1; git commit -qm one; git checkout -qb two main; echo 2 >2; git add 2; git commit -qm two",
      );
      await captureProven(staged);
      staged.inside("rm -rf .git; echo 3 >3");
      const result = await captureProven(staged);
      expect(result.status === "captured" && result.facts.commits).toBe(2);
      expect(result.status === "captured" && result.refs.map(({ name }) => name)).toContain("refs/heads/one");
      await landProven(staged, result);
    },
    SLOW,
  );

  test(
    "starts over where the host's copy of the earlier ones is gone or damaged",
    async () => {
      const staged = stage();
      staged.inside("echo y >y; git add y; git commit -qm y");
      await captureProven(staged);
      rmSync(staged.request.gitDir, { recursive: true });
      staged.inside("echo z >z");
      await captureProven(staged);
      sh(staged.root, "find cache -name '*.pack' -delete; find cache -type f -path '*objects/??/*' -delete");
      staged.inside("echo zz >>z");
      await captureProven(staged);
      writeFileSync(file(staged, "runtime.bundle"), "torn");
      rmSync(staged.request.gitDir, { recursive: true });
      staged.inside("echo zzz >>z");
      await landProven(staged, await captureProven(staged));
    },
    SLOW,
  );

  test(
    "goes on where one was killed inside",
    async () => {
      const staged = stage();
      staged.inside("echo y >y");
      await captureProven(staged);
      const gitDir = staged.base.sandbox.gitDir ?? "";
      staged.inside(`cd '${gitDir}'; : >index.lock; mkdir -p capture.1; : >capture.1/index; printf 'torn' >glue-pack`);
      staged.inside("echo z >z");
      await captureProven(staged);
    },
    SLOW,
  );

  test(
    "forgets an untracked file that is ignored by now, and sees one that came back",
    async () => {
      const staged = stage();
      staged.inside("echo a >a; echo forced >f.log; git add -f f.log; git commit -qm forced");
      await captureProven(staged, tree(staged, "a f.log"));
      staged.inside("echo a >>.git/info/exclude; rm f.log");
      await captureProven(staged, tree(staged, ""));
      staged.inside("echo again >f.log");
      await captureProven(staged, tree(staged, "f.log"));
    },
    SLOW,
  );
});

/** The start and these files, whatever ignores them. */
function tree(staged: Staged, files: string): string {
  return staged.inside(
    `export GIT_INDEX_FILE=$OUT/index; git read-tree ${staged.base.base?.commit}; git update-index --add numbers ${files}; git write-tree; rm $OUT/index`,
  );
}

describe("where this machine has no git, the sandbox's makes the files", () => {
  test(
    "and they land like any others once there is a git",
    async () => {
      const staged = stage();
      const { base } = staged.base;
      if (base === null) throw new Error("no base");
      expect((await captureInside(staged.sandbox, staged.request, base)).status).toBe("nothing");
      staged.inside("echo y >y; git add y; git commit -qm y; git mv numbers moved; head -c 2000000 /dev/urandom >big");
      const result = await captureInside(staged.sandbox, staged.request, base);
      expect(result).toMatchObject({ facts: { commits: 2, files_changed: 3, mbox_exact: false, ids_kept: true } });
      sh(
        staged.root,
        "git clone -q user mail; cd mail; git config user.name x; git config user.email x; git am -q ../session/runtime.mbox",
      );
      expect(sh(join(staged.root, "mail"), "git rev-parse HEAD^{tree}")).toBe(result.tree);
      await landProven(staged, result);
    },
    SLOW,
  );

  test(
    "and a pack that was changed on its way is not taken",
    async () => {
      const staged = stage();
      staged.inside("head -c 3000000 /dev/urandom >big");
      const { workspace, executor } = staged.sandbox;
      const flipping: typeof workspace = {
        ...workspace,
        download: async (path) => {
          const bytes = new Uint8Array(await new Response(await workspace.download(path)).arrayBuffer());
          bytes[1_000_000] = (bytes[1_000_000] ?? 0) ^ 1;
          return new Blob([bytes]).stream();
        },
      };
      const { base } = staged.base;
      if (base === null) throw new Error("no base");
      const error = await captureInside({ executor, workspace: flipping }, staged.request, base).catch(
        (thrown: unknown) => thrown,
      );
      expect(isGlueError(error, "transferFailed")).toBe(true);
      expect(existsSync(file(staged, "runtime.bundle"))).toBe(false);
    },
    SLOW,
  );
});

describe("what a capture will not do quietly", () => {
  test(
    "bring more untracked content than the cap allows",
    async () => {
      const staged = stage();
      staged.inside("mkdir -p build/x; head -c 3000000 /dev/zero >build/x/big; echo s >small");
      const request = { ...staged.request, capBytes: 2_000_000 };
      const error = await capture(staged.sandbox, request).catch((thrown: unknown) => thrown);
      expect(isGlueError(error, "captureTooLarge") && error.message).toContain("build/");
      expect(isGlueError(error) && error.message).toContain("3.0 MB");
      expect((await capture(staged.sandbox, staged.request)).status).toBe("captured");
    },
    SLOW,
  );

  test(
    "bring back an opted-in ignored file, even one that is no longer ignored or was staged",
    async () => {
      const staged = stage();
      staged.inside("echo secret >.env; echo two >two.log");
      const request = { ...staged.request, base: { ...staged.base, included: [".env", "two.log"] } };
      staged.inside("rm .gitignore; git add two.log; echo y >y");
      const result = await capture(staged.sandbox, request);
      expect(result.status).toBe("captured");
      if (result.status !== "captured") return;
      const listed = sh(staged.request.gitDir, `git --git-dir=. ls-tree -r --name-only ${result.head}`);
      expect(listed.split("\n").sort()).toEqual(["d/x", "numbers", "y"]);
    },
    SLOW,
  );

  test(
    "pass a patch of more than 50 MiB for a whole one; the bundle lands it",
    async () => {
      const staged = stage();
      staged.inside("head -c 45000000 /dev/urandom >big.bin");
      const result = await captureProven(staged);
      expect(result.status === "captured" && result.facts).toMatchObject({
        truncated: true,
        truncation_cap_bytes: 52_428_800,
        mbox_exact: false,
      });
      expect(existsSync(file(staged, "runtime.mbox"))).toBe(false);
      expect(Bun.file(file(staged, "runtime.mbox.truncated")).size).toBe(52_428_800);
      await landProven(staged, result);
    },
    SLOW,
  );

  test(
    "call a tree at rest that is still written to",
    async () => {
      const staged = stage();
      // The shell itself writes: a program of its own could do so once more after the shell is killed.
      const loop = "i=0; while i=$((i + 1)); do echo $i >>moving; : >new-$i; sleep 0.005; done";
      const writer = Bun.spawn(["sh", "-c", loop], { cwd: staged.sandbox.folder });
      try {
        await Bun.sleep(50);
        const result = await captureMoving(staged);
        expect(result.status === "captured" && result.facts.quiescent).toBe(false);
        expect(result.warnings.join()).toContain("changed while they were captured");
      } finally {
        writer.kill("SIGKILL");
        await writer.exited;
      }
      expect(await captureProven(staged)).toMatchObject({ facts: { quiescent: true } });
    },
    SLOW,
  );

  test(
    "take a damaged branch for a reason to lose the rest",
    async () => {
      const staged = stage();
      staged.inside(
        "git checkout -qb bad; echo 1 >1; git add 1; git commit -qm bad; rm -f .git/objects/$(git rev-parse HEAD:1 | sed 's,..,&/,'); git checkout -q -f main; git checkout -qb good; echo 2 >2; git add 2; git commit -qm good",
      );
      const result = await capture(staged.sandbox, staged.request);
      expect(result.warnings.join()).toContain("refs/heads/bad");
      expect(result.status === "captured" && result.refs.map(({ name }) => name).sort()).toEqual([
        "refs/heads/good",
        "refs/heads/main",
      ]);
    },
    SLOW,
  );

  testNeeding(
    ["root"],
    "turn a tracked path that cannot be read into a deletion",
    async () => {
      const staged = stage();
      const sandbox = staged.sandbox.unprivileged();
      for (const path of ["numbers", "d"]) {
        staged.inside(`chmod 000 ${path}`);
        const error = await capture(sandbox, staged.request).catch((thrown: unknown) => thrown);
        expect(isGlueError(error, "captureFailed") && error.message).toContain(path);
        staged.inside(`chmod 755 ${path}`);
      }
      staged.inside("mkdir locked; echo x >locked/x; chown nobody locked 2>/dev/null || :; chmod 000 locked");
      const result = await capture(sandbox, staged.request);
      expect(result.warnings.join()).toContain("locked");
    },
    SLOW,
  );

  test(
    "believe a bundle that was cut short",
    async () => {
      const staged = stage();
      staged.inside("echo y >y");
      const result = await captureProven(staged);
      truncateSync(file(staged, "runtime.bundle"), 100);
      rmSync(staged.request.gitDir, { recursive: true });
      await expect(landProven(staged, result)).rejects.toThrow();
    },
    SLOW,
  );
});
