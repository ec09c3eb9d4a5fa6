// What a capture makes of a workspace that nobody, or hardly anybody, has touched since the tree was brought in.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CaptureResult, capture } from "../../workspace/capture.ts";
import { testUnless } from "../support/needs.ts";
import { onlyOnHost } from "../support/roundtrip-on.ts";
import { treeOnDisk } from "../workspace/proof.ts";
import { makeCase } from "../workspace/snapshot-case.ts";
import { type Arrived, RICH, stage } from "./stage-case.ts";

setDefaultTimeout(60_000);

/** Captures what a staged sandbox holds, as a session would. */
function captureOf({ box, base, sessionDir }: Arrived): Promise<CaptureResult> {
  const gitDir = join(sessionDir, "..", "change");
  mkdirSync(gitDir, { recursive: true });
  return capture(box, {
    base,
    sessionDir,
    gitDir,
    runtimeId: "host",
    sandboxId: "box",
    capBytes: 500_000_000,
    now: new Date(),
  });
}

const PLAIN =
  "git init -q -b main .; mkdir d; echo aaaa >a; echo bbbb >d/b; ln -s a link; echo n >.gitignore; git add .; git commit -qm x";

/** Sets d to a folder outside the tree that can be written to; in some sandboxes the tree is in the root's. */
const BESIDE = "d=..; [ -w .. ] || d=/tmp";

/** Done at once after the tree has come, often in the same second as it. */
const CHANGES = [
  ["a file of the same size", "echo AAAA >a"],
  [
    "a file of the same size, whose time is put back",
    `${BESIDE}; touch -r a $d/t; echo AAAA >a; touch -r $d/t a; rm $d/t`,
  ],
  ["a file that was written in place through another name", `${BESIDE}; ln a $d/a; echo AAAA >$d/a; rm $d/a`],
  ["only a mode", "chmod +x d/b"],
  ["only a link's target", "ln -sfn d/b link"],
  ["a new file", ": >new"],
  ["a new file deep in a folder, beside ignored ones", "mkdir -p n d/e/f; echo x >n/x; echo x >d/e/f/x"],
  ["a file that went", "rm d/b"],
  ["a name", "mv a z"],
  ["only a commit without content", "git -c user.name=x -c user.email=x@x commit -q --allow-empty -m nothing"],
  ["only a stash", "echo AAAA >a; git stash -q"],
] as const;

describe("right after staging", () => {
  for (const [what, inside] of CHANGES) {
    test(`${what} is captured`, async () => {
      const arrived = await stage(makeCase(PLAIN));
      arrived.inside(inside);
      const { status, tree } = await captureOf(arrived);
      expect({ status, tree }).toEqual({ status: "captured", tree: treeOnDisk(arrived.box.folder) });
      expect((await captureOf(arrived)).tree).toBe(tree);
    });
  }

  test("what only reads, and what is ignored, is no change", async () => {
    const of = makeCase(RICH);
    const arrived = await stage(of);
    arrived.inside(
      "cat src/new >/dev/null; git log -1 >/dev/null; git status --porcelain; mkdir -p build; echo o >build/o",
    );
    const result = await captureOf(arrived);
    expect(result).toMatchObject({ status: "nothing", tree: arrived.base.base?.tree, warnings: [] });
  });
});

testUnless(onlyOnHost, "an untouched workspace is told by one look, and not once it was touched", async () => {
  const arrived = await stage(makeCase(PLAIN));
  const list = join(arrived.base.sandbox.gitDir ?? "", "glue-still");
  const index = join(arrived.base.sandbox.gitDir ?? "", "index");
  expect(readFileSync(list, "utf8")).toStartWith(`${arrived.base.base?.commit}\n`);
  const before = readFileSync(index);
  for (let times = 0; times < 2; times++) {
    expect(await captureOf(arrived)).toMatchObject({ status: "nothing", tree: arrived.base.base?.tree });
    expect(existsSync(list)).toBe(true);
  }
  expect(readFileSync(index)).toEqual(before);
  arrived.inside("echo AAAA >a");
  expect(await captureOf(arrived)).toMatchObject({ status: "captured" });
  expect(existsSync(list)).toBe(false);
  arrived.inside("echo aaaa >a");
  expect(await captureOf(arrived)).toMatchObject({ status: "nothing", tree: arrived.base.base?.tree });
});
