/** File systems that merge names, and such that are full. */
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { withFoldingDisk, withSmallDisk } from "../../support/mounts.ts";
import { whereFlags } from "../../support/roundtrip-on.ts";
import { sh } from "../../workspace/hand-stage.ts";
import { corner, FSCK, type Place, place, session } from "./corner.ts";

/** Everything but git's own times. */
function look(of: Place): string {
  return of.here(
    "find . -path ./.git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum; ls -A; ls -A .git; cat .git/HEAD",
  );
}

corner("names that differ by case, where the file system folds them", ["folding-file-system"], () =>
  withFoldingDisk(async (disk) => {
    const of = place("echo a >a; mkdir d; echo r >d/read; git add -A; git commit -qm start", {
      user: join(disk, "user"),
    });
    expect(of.here("git config core.ignoreCase; cat A")).toBe("true\na");
    const { id } = await session(
      of,
      "echo upper >d/READ; echo 1 >'Ünï'; echo 2 >'üNÏ'; git add -A; git commit -qm both; echo more >>a",
    );
    const before = look(of);
    for (const flags of [["--in-place"], ["--check", "--in-place"], ["--checkout"]]) {
      const ran = await of.glue("session", "apply", id, ...flags);
      expect([ran.code, ran.stdout]).toEqual([1, ""]);
      expect(ran.stderr).toMatch(
        /takes "d\/READ" and "d\/read" for the same name|takes "Ünï" and "üNÏ" for the same name/,
      );
      expect(look(of)).toBe(before);
    }
    expect((await of.glue("session", "apply", id)).stdout).toStartWith("already applied exactly");
    expect(of.here(`git ls-tree -r --name-only -z glue/${id} | tr '\\0' ' '; ${FSCK}`)).toBe("a d/READ d/read Ünï üNÏ");
  }),
);

corner("in place: a file renamed by case, where the file system folds names", ["folding-file-system"], () =>
  withFoldingDisk(async (disk) => {
    const of = place("echo a >readme; echo b >b; git add -A; git commit -qm start", { user: join(disk, "user") });
    const { id } = await session(of, "mv readme README; echo more >>README");
    expect((await of.glue("session", "apply", id, "--in-place")).stdout).toStartWith("applied exactly");
    // This file system lists all names in lower case.
    expect(of.here("ls; cat README")).toBe("b\nreadme\na\nmore");
    const undone = await of.glue("session", "apply", id, "--undo");
    expect([undone.code, undone.stderr]).toEqual([0, ""]);
    expect(of.here("ls; cat readme")).toBe("b\nreadme\na");
  }),
);

/** What is random does not become smaller in git either. */
const LARGE = "head -c 3000000 /dev/urandom >large; echo more >>a; echo small >small";

function fill(folder: string): string {
  const ballast = join(folder, "ballast");
  try {
    for (;;) writeFileSync(ballast, "x".repeat(4096), { flag: "a" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
  return ballast;
}

corner("a full disk where a branch lands", ["root", "linux"], () =>
  withSmallDisk(3_000_000, async (disk) => {
    const of = place("echo a >a; git add -A; git commit -qm start", { user: join(disk, "user") });
    const { id } = await session(of, LARGE);
    const before = look(of);
    const ran = await of.glue("session", "apply", id);
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toContain("No space left");
    expect(look(of)).toBe(before);
    expect(of.here(`${FSCK}; git for-each-ref --format='%(refname)'`)).toBe("refs/heads/main");
    sh("/", `mount -o remount,size=20000000 '${disk}'`);
    expect((await of.glue("session", "apply", id)).stdout).toStartWith("applied exactly");
  }),
);

corner("in place: a full disk where the files are", ["root", "linux"], () =>
  withSmallDisk(2_000_000, async (disk) => {
    const of = place("echo a >a; git add -A; git commit -qm start", { user: join(disk, "user") });
    const { id } = await session(of, LARGE);
    const before = look(of);
    const ran = await of.glue("session", "apply", id, "--in-place");
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toContain("Nothing is changed in it.");
    expect(look(of)).toBe(before);
    sh("/", `mount -o remount,size=20000000 '${disk}'`);
    expect((await of.glue("session", "apply", id, "--in-place")).stdout).toStartWith("applied exactly");
  }),
);

corner("in place: a full disk where the session is", ["root", "linux"], () =>
  withSmallDisk(12_000_000, async (disk) => {
    const of = place("head -c 2000000 /dev/urandom >large; echo a >a; git add -A; git commit -qm start", {
      home: join(disk, "home"),
    });
    const { id } = await session(of, "echo more >>large; echo more >>a");
    const ballast = fill(disk);
    const before = look(of);
    const ran = await of.glue("session", "apply", id, "--in-place");
    expect([ran.code, ran.stdout]).not.toEqual([0, ""]);
    expect(ran.stderr).toMatch(/[Nn]o space left|disk is full/);
    expect(look(of)).toBe(before);
    sh("/", `rm '${ballast}'`);
    expect((await of.glue("session", "apply", id, "--in-place")).stdout).toStartWith("applied exactly");
    expect((await of.glue("session", "apply", id, "--undo")).code).toBe(0);
    expect(look(of)).toBe(before);
  }),
);

corner("a full disk where the session opens", ["root", "linux"], () =>
  withSmallDisk(1_500_000, async (disk) => {
    const of = place("echo a >a; git add -A; git commit -qm start; head -c 4000000 /dev/urandom >large", {
      home: join(disk, "home"),
    });
    const before = look(of);
    const ran = await of.glue("run", "--copy", ...whereFlags(), "--", "touch", join(of.root, "ran"));
    expect([ran.code, ran.stdout]).toEqual([125, ""]);
    expect(ran.stderr).toMatch(/[Nn]o space left|disk is full/);
    expect(sh(of.root, "ls")).not.toContain("ran");
    expect(look(of)).toBe(before);
  }),
);

corner("a full disk where the change comes back", ["root", "linux"], () =>
  withSmallDisk(16_000_000, async (disk) => {
    const of = place("echo a >a; git add -A; git commit -qm start", { home: join(disk, "home") });
    const started = await of.glue("session", "start", "-q", "--copy", ...whereFlags());
    const id = started.stdout.trim();
    expect((await of.glue("exec", "--", "sh", "-ec", "head -c 1500000 /dev/urandom >large; echo more >>a")).code).toBe(
      0,
    );
    const ballast = fill(disk);
    const closed = await of.glue("session", "close", id);
    expect(closed.code).not.toBe(0);
    // What was done is still there, and comes back once there is room.
    sh("/", `rm '${ballast}'`);
    const again = await of.glue("session", "close", id);
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining("2 files changed")]);
    expect((await of.glue("session", "apply", id)).stdout).toStartWith("applied exactly");
  }),
);

corner("in place: a folder that is a file system of its own", ["root", "linux"], () =>
  withSmallDisk(4_000_000, async (disk) => {
    const of = place(
      "mkdir other; echo a >a; echo o >other/o; echo gone >other/gone; git add -A; git commit -qm start",
    );
    sh(of.user, `cp other/* '${disk}'; mount --bind '${disk}' other`);
    try {
      const { id } = await session(
        of,
        "echo more >>a; echo more >>other/o; chmod +x other/o; rm other/gone; ln -s o other/link",
      );
      const before = look(of);
      const applied = await of.glue("session", "apply", id, "--in-place");
      expect([applied.code, applied.stderr]).toEqual([0, expect.stringContaining("--undo")]);
      expect(of.here("cat a other/o; readlink other/link; test -x other/o; ls -A other")).toBe(
        "a\nmore\no\nmore\no\nlink\no",
      );
      expect((await of.glue("session", "apply", id, "--undo")).code).toBe(0);
      expect(look(of)).toBe(before);
      sh(of.user, "mount -o remount,bind,ro other");
      const refused = await of.glue("session", "apply", id, "--in-place");
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("Nothing is changed in it.")]);
      expect(look(of)).toBe(before);
    } finally {
      sh(of.root, "umount --lazy user/other");
    }
  }),
);
