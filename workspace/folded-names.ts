/**
 * Names of one folder that a file system may take for the same: by case, by Unicode form, by what it drops at the end. Which it really
 * does is asked of the file system itself.
 */
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { splitNul } from "./bytes.ts";
import { type GitOptions, git } from "./git.ts";
import { pathText } from "./layout.ts";

/** Paths whose last names fold to the same in the same folder; two or more in each group. */
export function foldingGroups(paths: Iterable<string>): string[][] {
  const names = new Map<string, Set<string>>();
  const seen = new Set<string>();
  for (const path of paths) {
    // Folders collide as files do; each prefix is looked at once.
    for (let end = path.indexOf("/"); ; end = path.indexOf("/", end + 1)) {
      const name = end === -1 ? path : path.slice(0, end);
      if (!seen.has(name)) {
        seen.add(name);
        const key = folded(name);
        const group = names.get(key);
        if (group === undefined) names.set(key, new Set([name]));
        else group.add(name);
      }
      if (end === -1) break;
    }
  }
  // Below folders that collide everything does; the folders say it.
  return [...names.values()].filter((group) => group.size > 1 && siblings(group)).map((group) => [...group].sort());
}

function siblings(group: ReadonlySet<string>): boolean {
  return new Set([...group].map((path) => path.slice(0, path.lastIndexOf("/") + 1))).size === 1;
}

/** One text for all names that some file system might merge; too many are no harm, because the file system decides. */
function folded(path: string): string {
  if (/^[a-z0-9_/-]*$/.test(path)) return path;
  return path
    .normalize("NFKD")
    .toUpperCase()
    .toLowerCase()
    .normalize("NFKD")
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, "")
    .replaceAll(/[. ]+(?=\/|$)/g, "");
}

/** The paths of a tree that are text; names that are no UTF-8 cannot be folded by what is told here. */
export async function pathsOfTree(options: GitOptions, tree: string): Promise<string[]> {
  const { stdout } = await git(["ls-tree", "-r", "-z", "--name-only", "--full-tree", tree], options);
  return splitNul(stdout)
    .map(pathText)
    .filter((path) => !path.startsWith('"'));
}

/** The first group of paths that the file system of `top` would merge; undefined where it keeps all apart. */
export function mergedNames(top: string, paths: Iterable<string>): readonly string[] | undefined {
  return foldingGroups(paths).find((group) => isMerged(top, group));
}

/** Asks by writing, in a folder of its own beside the place: a folder inherits from its parent whether it folds. */
function isMerged(top: string, group: readonly string[]): boolean {
  const [first = ""] = group;
  const probe = mkdtempSync(join(nearestFolder(top, first.slice(0, first.lastIndexOf("/") + 1)), ".glue-probe-"));
  try {
    return group.some((path, at) => {
      const name = join(probe, path.slice(path.lastIndexOf("/") + 1));
      if (at > 0 && lstatSync(name, { throwIfNoEntry: false }) !== undefined) return true;
      writeFileSync(name, "");
      return false;
    });
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function nearestFolder(top: string, folder: string): string {
  let found = top;
  for (const name of folder.split("/").filter((part) => part !== "")) {
    const next = join(found, name);
    if (lstatSync(next, { throwIfNoEntry: false })?.isDirectory() !== true) break;
    found = next;
  }
  return found;
}

/** The refusal, with the names. */
export function namesMerge(names: readonly string[], what: string): GlueError {
  return new GlueError(
    "landRefused",
    `${what}: the file system here takes ${names.map((name) => JSON.stringify(name)).join(" and ")} for the same name, so one would overwrite the other.`,
    { hint: "Without --checkout and --in-place the change lands as a branch, with every name." },
  );
}
