import { expect, test } from "bun:test";
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostTree } from "../../session/host-tree.ts";
import { tempDir } from "../support/temp-dir.ts";

const env = { PATH: process.env.PATH ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };

function git(cwd: string, ...args: string[]): string {
  const identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"];
  const child = Bun.spawnSync(["git", ...identity, ...args], { cwd, env });
  if (!child.success) throw new Error(`git ${args.join(" ")}: ${child.stderr}`);
  return child.stdout.toString().trim();
}

function repository(name = "repo"): string {
  const path = join(realpathSync(tempDir()), name);
  mkdirSync(join(path, "src", "deep"), { recursive: true });
  writeFileSync(join(path, "src", "file"), "x");
  git(path, "init", "-q");
  git(path, "add", "-A");
  git(path, "commit", "-qm", "one");
  return path;
}

test("a folder in a repository belongs to the repository's top, as git says", () => {
  const top = repository();
  for (const sub of ["", "src", "src/deep"]) {
    const tree = hostTree(join(top, sub));
    expect(tree).toEqual({ top, subfolder: sub, outsideGitDirs: [] });
    expect(tree.top).toBe(git(join(top, sub), "rev-parse", "--show-toplevel"));
  }
});

test("a folder without a repository is its own top", () => {
  const folder = realpathSync(tempDir());
  expect(hostTree(folder)).toEqual({ top: folder, subfolder: "", outsideGitDirs: [] });
});

test("a .git that is no repository is passed over, as git does", () => {
  const folder = realpathSync(tempDir());
  mkdirSync(join(folder, "inner", ".git"), { recursive: true });
  expect(hostTree(join(folder, "inner")).top).toBe(join(folder, "inner"));
  const top = repository();
  mkdirSync(join(top, "src", ".git"));
  expect(hostTree(join(top, "src", "deep"))).toMatchObject({ top, subfolder: "src/deep" });
  expect(git(join(top, "src", "deep"), "rev-parse", "--show-toplevel")).toBe(top);
});

test("a linked worktree names the repository that its git dir lies in", () => {
  const top = repository();
  const linked = join(realpathSync(tempDir()), "linked");
  git(top, "worktree", "add", "-q", linked);
  expect(hostTree(join(linked, "src"))).toEqual({ top: linked, subfolder: "src", outsideGitDirs: [join(top, ".git")] });
});

test("a linked worktree of a repository with a separate git dir names that one", () => {
  const top = repository();
  const separate = join(realpathSync(tempDir()), "separate.git");
  git(top, "init", "-q", `--separate-git-dir=${separate}`);
  expect(hostTree(top)).toEqual({ top, subfolder: "", outsideGitDirs: [separate] });
});

test("a submodule is a tree of its own and names its git dir in the repository around it", () => {
  const [inner, outer] = [repository("inner"), repository("outer")];
  git(outer, "submodule", "add", "-q", inner, "sub");
  const tree = hostTree(join(outer, "sub", "src"));
  expect(tree).toEqual({
    top: join(outer, "sub"),
    subfolder: "src",
    outsideGitDirs: [join(outer, ".git/modules/sub")],
  });
});

test("a symbolic link to the folder is resolved", () => {
  const top = repository();
  const link = join(tempDir(), "link");
  symlinkSync(join(top, "src"), link);
  expect(hostTree(link)).toEqual({ top, subfolder: "src", outsideGitDirs: [] });
});

test("a folder that is missing, or no folder, is refused before anything else", () => {
  const dir = tempDir();
  writeFileSync(join(dir, "file"), "");
  expect(() => hostTree(join(dir, "none"))).toThrow(/does not exist/);
  expect(() => hostTree(join(dir, "file"))).toThrow(/is not a folder/);
});
