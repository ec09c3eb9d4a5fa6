/** What goes into a bundle, and how much work each object is. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { type GitOptions, git } from "./git.ts";
import type { Store } from "./snapshot-store.ts";

export interface PackedObject {
  /** As `pack-objects` reads it: the id and, where it has one, its path, with bytes as characters. */
  readonly line: string;
  /** Uncompressed, in bytes. */
  readonly size: number;
  /** Whether it has to be compressed anew: it lies in a file of its own, or is a delta against something that does not travel. */
  readonly work: boolean;
  /** What its deltas end at: an object that travels and is no delta against another one that does. Itself, mostly. */
  readonly root: string;
}

/**
 * Every object that the commits reach, without the history behind `shallow`.
 * @throws GlueError `gitFailed` where one of them is missing.
 */
export async function listObjects(
  store: Store,
  options: GitOptions,
  commits: readonly string[],
): Promise<PackedObject[]> {
  const listed = await git(["rev-list", "--objects", "--stdin"], { ...options, stdin: `${commits.join("\n")}\n` });
  const lines = Buffer.from(listed.stdout).toString("latin1").split("\n");
  lines.pop();
  const ids = lines.map((line) => line.split(" ", 1)[0] ?? line);
  const format = "--batch-check=%(objectname) %(deltabase) %(objectsize)";
  const facts = await git(["cat-file", format], { ...options, stdin: `${ids.join("\n")}\n` });
  const loose = looseObjects([
    join(store.gitDir, "objects"),
    ...(store.userObjects === undefined ? [] : [store.userObjects]),
  ]);
  // By id, of what travels: what its delta stands on, where that travels too.
  const bases = new Map(ids.map((id) => [id, ""]));
  const found = new TextDecoder()
    .decode(facts.stdout)
    .trimEnd()
    .split("\n")
    .map((fact, at) => {
      const [id = "", deltaBase = "", size] = fact.split(" ");
      if (size === undefined) throw new GlueError("gitFailed", `An object of the tree is missing: ${id}.`);
      const travels = bases.has(deltaBase);
      if (travels) bases.set(id, deltaBase);
      const isDelta = /[1-9a-f]/.test(deltaBase);
      return { id, line: lines[at] ?? id, size: Number(size), work: isDelta ? !travels : loose.has(id) };
    });
  return found.map(({ id, ...object }) => ({ ...object, root: rootOf(id, bases) }));
}

/** Objects that lie in several packs can stand on each other in a ring; then it is any of them. */
function rootOf(id: string, bases: ReadonlyMap<string, string>): string {
  const seen = new Set<string>();
  let root = id;
  for (let base = bases.get(root); base && !seen.has(base); base = bases.get(root)) {
    seen.add(base);
    root = base;
  }
  return root;
}

/** The objects of these folders that lie in files of their own. */
function looseObjects(folders: readonly string[]): Set<string> {
  const loose = new Set<string>();
  for (const folder of folders) {
    for (const prefix of readNames(folder)) {
      if (!/^[0-9a-f]{2}$/.test(prefix)) continue;
      for (const rest of readNames(join(folder, prefix))) loose.add(`${prefix}${rest}`);
    }
  }
  return loose;
}

/** The names in a folder; none where it cannot be read. */
function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // It is only an estimate, and git says what it cannot read.
    return [];
  }
}

/** Makes git take `commit` for the first of its history: writes the file at `path` and returns the environment that names it. */
export function shallowAt(commit: string, path: string): Readonly<Record<string, string>> {
  writeFileSync(path, `${commit}\n`, { mode: 0o600 });
  return { GIT_SHALLOW_FILE: path };
}
