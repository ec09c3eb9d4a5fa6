import { GlueError } from "../spec/glue-error.ts";

/** What wildcards are matched against. Paths absolute, with "/". */
export interface GlobTree {
  exists(path: string): Promise<boolean>;
  /** The names in a folder; none where there is no such folder. */
  list(path: string): Promise<string[]>;
}

const WILD = /[*?[{]/;

/**
 * The paths that a pattern stands for, in order: itself where something is called exactly so, else what its wildcards match, part by part.
 * A leading dot has to be written out. `fileNotFound` where there is nothing.
 */
export async function expandPattern(tree: GlobTree, pattern: string): Promise<string[]> {
  if (await tree.exists(pattern)) return [pattern];
  if (!WILD.test(pattern)) throw new GlueError("fileNotFound", `There is no ${pattern}.`);
  let found = [""];
  const parts = pattern.split("/").slice(1);
  for (const [i, part] of parts.entries()) {
    const next: string[] = [];
    for (const folder of found) {
      if (!WILD.test(part)) next.push(`${folder}/${part}`);
      else for (const name of await matches(tree, folder === "" ? "/" : folder, part)) next.push(`${folder}/${name}`);
    }
    found = next;
    // Behind a wildcard a name need not be there.
    if (i === parts.length - 1 && !WILD.test(part)) {
      const there = await Promise.all(found.map((path) => tree.exists(path)));
      found = found.filter((_, at) => there[at]);
    }
  }
  if (found.length === 0) throw new GlueError("fileNotFound", `Nothing matches ${pattern}.`);
  return found;
}

async function matches(tree: GlobTree, folder: string, part: string): Promise<string[]> {
  const glob = new Bun.Glob(part);
  const names = await tree.list(folder);
  return names.filter((name) => (part.startsWith(".") || !name.startsWith(".")) && glob.match(name)).sort();
}
