import { lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import type { HostTree } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";

/**
 * The tree that a folder belongs to: the top of its repository, or the folder itself where there is none. Looks for `.git` as git
 * does (upwards, not across file systems), without starting git. `cwdInvalid` where the folder is none.
 */
export function hostTree(cwd: string): HostTree {
  const folder = realFolder(cwd);
  const found = findRepository(folder);
  if (found === undefined) return { top: folder, subfolder: "", outsideGitDirs: [] };
  const outside = [found.gitDir, commonDir(found.gitDir)].filter((dir) => !isInside(dir, found.top));
  // The git dir of a linked worktree lies in the common one; what contains another stands for both.
  const outsideGitDirs = [...new Set(outside)].filter(
    (dir) => !outside.some((other) => other !== dir && isInside(dir, other)),
  );
  return { top: found.top, subfolder: relative(found.top, folder), outsideGitDirs };
}

/** Whether `path` is `folder` or lies below it; both absolute and real. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith("../") && !isAbsolute(way));
}

function realFolder(cwd: string): string {
  try {
    const real = realpathSync(cwd);
    if (statSync(real).isDirectory()) return real;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why =
      code === "ENOENT"
        ? "does not exist"
        : code === "EACCES"
          ? "cannot be entered (permission denied)"
          : `cannot be used (${code})`;
    throw new GlueError("cwdInvalid", `The folder ${cwd} ${why}.`, { hint: "Give an existing folder with -C.", cause });
  }
  throw new GlueError("cwdInvalid", `${cwd} is not a folder.`, { hint: "Give an existing folder with -C." });
}

function findRepository(folder: string): { top: string; gitDir: string } | undefined {
  const device = lstatSync(folder).dev;
  for (let top = folder; ; top = dirname(top)) {
    const gitDir = gitDirAt(join(top, ".git"));
    if (gitDir !== undefined) return { top, gitDir };
    const parent = dirname(top);
    if (parent === top || lstatSync(parent).dev !== device) return undefined;
  }
}

/** The git dir that a `.git` names: itself, or what a `gitdir:` file points to (linked worktrees, submodules). */
function gitDirAt(dotGit: string): string | undefined {
  try {
    if (statSync(dotGit).isDirectory()) return isGitDir(dotGit) ? realpathSync(dotGit) : undefined;
    const target = /^gitdir: (.+)/.exec(readFileSync(dotGit, "utf8"))?.[1]?.trimEnd();
    if (target === undefined) return undefined;
    const gitDir = realpathSync(resolve(dirname(dotGit), target));
    return isGitDir(gitDir) ? gitDir : undefined;
  } catch {
    // Nothing there, or nothing that git could use either: the search goes on above.
    return undefined;
  }
}

/** What git asks of one: a HEAD, and objects of its own or of the repository it belongs to. */
function isGitDir(dir: string): boolean {
  const has = (name: string) => statSync(join(dir, name), { throwIfNoEntry: false }) !== undefined;
  return lstatSync(join(dir, "HEAD"), { throwIfNoEntry: false }) !== undefined && (has("objects") || has("commondir"));
}

function commonDir(gitDir: string): string {
  try {
    return realpathSync(resolve(gitDir, readFileSync(join(gitDir, "commondir"), "utf8").trimEnd()));
  } catch {
    // Only linked worktrees have one.
    return gitDir;
  }
}
