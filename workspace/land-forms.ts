/**
 * The trees that a repository shall hold for trees as they were on a disk. What did not change gets the form back that the repository
 * has of it; what did goes through the target's own attributes and filters, run by git just as `git add` does. All of it happens in a
 * folder aside: nothing touches the target before all of it is known to be right.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { concat, splitNul } from "./bytes.ts";
import type { ChangeStore } from "./capture-store.ts";
import { EMPTY_TREE } from "./empty-tree.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import { type Config, type Conversion, characters, ownEndings, readConversions } from "./land-attributes.ts";
import { FilterWatch, notTaken } from "./land-filters.ts";
import { reading, storeObjects } from "./land-objects.ts";
import { pathBytes, pathText } from "./layout.ts";
import { diffTrees, type Side, sides } from "./raw-diff.ts";
import { nulList } from "./snapshot-tracked.ts";
import type { ConvertedPath } from "./snapshot-types.ts";

export interface FormsPlace {
  readonly store: ChangeStore;
  /** How git is run on the target, with the user's own settings. */
  readonly target: GitOptions;
  /** The target's object folder. */
  readonly targetObjects: string;
  readonly config: Config;
  /** An empty folder of this run alone, absolute. */
  readonly scratch: string;
  /** What was known of the base's converted paths when the session opened. */
  readonly converted: readonly ConvertedPath[];
  /** Commits of repositories inside this one that land under another id. */
  readonly gitlinks: ReadonlyMap<string, string>;
}

/** A tree as it was on the disk, and as the repository holds it. */
export interface TreePair {
  readonly raw: string;
  readonly git: string;
}

/** An entry of a tree; no side where it is gone. */
interface Entry {
  readonly path: Uint8Array;
  readonly side: Side | undefined;
}

/** git with an index of its own, and nothing of the user's that is about another index or another file system. */
const OWN_INDEX = [
  "core.bare=false",
  "core.fileMode=true",
  "core.symlinks=true",
  "core.ignoreCase=false",
  "core.precomposeUnicode=false",
  "core.splitIndex=false",
  "core.untrackedCache=false",
  "core.sparseCheckout=false",
  "index.sparse=false",
  "core.fsync=none",
];

/** Works out one tree after the other; `landRefused` where content would get in that must not, or git does not take it. */
export class TreeForms {
  /** Where the converted objects are. */
  readonly objects: string;
  readonly #place: FormsPlace;
  readonly #watch: FilterWatch;
  /** The tree that the index holds. */
  #holds: string | undefined;
  /** What the repository holds of the session's start, and whether rules were changed since. */
  #start: string | undefined;
  #ruled = false;
  #folders = 0;

  constructor(place: FormsPlace) {
    this.#place = place;
    this.#watch = new FilterWatch(place.config, place.converted);
    this.objects = join(place.scratch, "objects");
    mkdirSync(this.objects, { recursive: true });
  }

  /** Of the base, on whose parent's tree `from` (null: there is none) the target has built. */
  async base(raw: string, from: string | null): Promise<TreePair> {
    const start = from ?? EMPTY_TREE[this.#place.store.base.objectFormat];
    await this.#hold(start);
    const listed = new Map(this.#place.converted.map((entry) => [characters(pathBytes(entry.path)), entry]));
    const there = await this.#present(this.#place.converted.flatMap(({ git: form }) => form?.id ?? []));
    const known: Entry[] = [];
    const others: Entry[] = [];
    for (const change of await this.#changes(start, raw)) {
      const entry = listed.get(characters(change.path));
      const form = entry?.git && there.has(entry.git.id) ? entry.git : undefined;
      const same = entry?.raw?.id === change.side?.id && entry?.raw?.mode === change.side?.mode;
      // What is not on the disk on purpose stays: as the index of that time had it, or else as the commit has it.
      if (entry?.why === "missing" && same)
        known.push(...(form === undefined ? [] : [{ path: change.path, side: form }]));
      else if (entry !== undefined && same && form !== undefined) known.push({ path: change.path, side: form });
      else others.push(change);
    }
    await this.#enter(known);
    return { raw, git: await this.#apply(others) };
  }

  /** Says what the target holds of the session's start; to be told before the first commit. */
  startFrom({ git: tree }: TreePair): void {
    this.#start = tree;
  }

  /** Of a commit; `before` are the trees of its first parent. Whatever equals another parent's has that one's form. */
  async next(raw: string, before: TreePair, parents: readonly TreePair[] = []): Promise<TreePair> {
    await this.#hold(before.git);
    let changes = await this.#changes(before.raw, raw);
    for (const parent of parents) {
      const [own, forms] = await Promise.all([this.#changes(parent.raw, raw), this.#changes(before.git, parent.git)]);
      const differs = new Set(own.map(({ path }) => characters(path)));
      const same = new Set(changes.map(({ path }) => characters(path)).filter((path) => !differs.has(path)));
      await this.#enter(forms.filter(({ path }) => same.has(characters(path))));
      changes = changes.filter(({ path }) => !same.has(characters(path)));
    }
    return { raw, git: await this.#apply(changes) };
  }

  /** Throws `landRefused` where content that a filter converts would also get in as it is. To be asked at the end. */
  check(): void {
    this.#watch.check();
  }

  /** The paths whose form differs from what was on the disk, but for those that were not there on purpose. */
  async converted({ raw, git: tree }: TreePair): Promise<string[]> {
    return (await this.#changes(raw, tree)).map(({ path }) => pathText(path));
  }

  async #apply(changes: readonly Entry[]): Promise<string> {
    this.#refuseBuried(changes);
    const files = changes.filter(({ side }) => side?.mode.startsWith("100"));
    const ruled = changes.some(({ path }) => RULES.test(characters(path)));
    this.#ruled ||= ruled;
    const before = await this.#filtersBefore(files, ruled);
    await this.#enter(changes.filter(({ side }) => side === undefined));
    const tree = join(this.#place.scratch, `tree-${++this.#folders}`);
    mkdirSync(tree);
    try {
      await this.#putOnDisk(
        files.filter(({ path }) => RULES.test(characters(path))),
        tree,
      );
      const conversions = await readConversions(this.#git(tree), this.#place.config, pathsOf(files));
      const through: Entry[] = [];
      const asTheyAre: Entry[] = changes.filter(({ side }) => side !== undefined && !side.mode.startsWith("100"));
      for (const file of files) {
        const key = characters(file.path);
        const conversion = conversions.get(key);
        const taken = before.get(key);
        if (conversion?.filter === undefined) {
          if (taken !== undefined) this.#watch.refuseTakenOut(file.path, taken);
          this.#watch.sawPlain(file.path, file.side?.id ?? "");
        }
        (conversion?.filter !== undefined || conversion?.builtIn ? through : asTheyAre).push(file);
      }
      await this.#enter(asTheyAre);
      await this.#convert(through, conversions, tree);
    } finally {
      rmSync(tree, { recursive: true, force: true });
    }
    // An object of the user's that is not here (a partial clone) stays what it is; whether all that is new is here is asked later.
    this.#holds = await gitText(["write-tree", "--missing-ok"], this.#git());
    return this.#holds;
  }

  /** The filters that files had before the rules were changed: in the commit before this one, and when the session began. */
  async #filtersBefore(files: readonly Entry[], ruled: boolean): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const add = (conversions: ReadonlyMap<string, Conversion>) => {
      for (const [path, { filter }] of conversions) if (filter !== undefined) found.set(path, filter);
    };
    const { config, scratch } = this.#place;
    if (ruled) add(await readConversions(this.#git(), config, pathsOf(files), true));
    if (this.#ruled && this.#start !== undefined) {
      const options = this.#git();
      const atStart = { ...options, env: { ...options.env, GIT_INDEX_FILE: join(scratch, "start-index") } };
      await git(["read-tree", this.#start], atStart);
      add(await readConversions(atStart, config, pathsOf(files), true));
    }
    return found;
  }

  async #convert(files: readonly Entry[], conversions: ReadonlyMap<string, Conversion>, tree: string): Promise<void> {
    if (files.length === 0) return;
    const asked = files.map(({ path }) => [path, conversions.get(characters(path)) ?? NONE] as const);
    const required = this.#watch.require(new Map(asked));
    await this.#putOnDisk(
      files.filter(({ path }) => !RULES.test(characters(path))),
      tree,
    );
    const options = this.#git(tree);
    try {
      await git(["update-index", "--add", "--replace", "-z", "--stdin"], {
        ...options,
        config: [...(options.config ?? []), ...required],
        stdin: nulList(pathsOf(files)),
      });
    } catch (error) {
      throw notTaken(error);
    }
    const made = await this.#listed();
    for (const { path, side } of files) {
      if (conversions.get(characters(path))?.filter === undefined) continue;
      this.#watch.sawFiltered(path, side?.id ?? "", made.get(characters(path)));
    }
  }

  /** Writes files as they were on the disk, each below `folder`. A name that this file system takes for another one is refused. */
  async #putOnDisk(files: readonly Entry[], folder: string): Promise<void> {
    if (files.length === 0) return;
    const { store, scratch } = this.#place;
    const index = join(scratch, "raw-index");
    const options: GitOptions = {
      ...store.options,
      workTree: folder,
      config: [...(store.options.config ?? []), ...OWN_INDEX],
      env: { GIT_INDEX_FILE: index },
    };
    rmSync(index, { force: true });
    await git(["update-index", "-z", "--index-info"], { ...options, stdin: concat(files.map(indexInfo)) });
    await git(["checkout-index", "-z", "--stdin"], { ...options, stdin: nulList(pathsOf(files)) });
  }

  /** Puts entries into the index as they are, or takes them out. */
  async #enter(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    const { gitlinks } = this.#place;
    const gone = entries.filter(({ side }) => side === undefined);
    const there = entries.flatMap(({ path, side }) => {
      if (side === undefined) return [];
      return [{ path, side: { ...side, id: gitlinks.get(side.id) ?? side.id } }];
    });
    if (gone.length > 0)
      await git(["update-index", "--force-remove", "-z", "--stdin"], { ...this.#git(), stdin: nulList(pathsOf(gone)) });
    if (there.length > 0)
      await git(["update-index", "--add", "--replace", "-z", "--index-info"], {
        ...this.#git(),
        stdin: concat(there.map(indexInfo)),
      });
  }

  /** A file in the way of something that is not on the disk on purpose would take it out unseen. */
  #refuseBuried(changes: readonly Entry[]): void {
    const missing = this.#place.converted.filter(({ why }) => why === "missing");
    if (missing.length === 0) return;
    const hidden = missing.map(({ path }) => characters(pathBytes(path)));
    const folders = new Set(hidden.flatMap(parents));
    const names = new Set(hidden);
    for (const { path, side } of changes) {
      const name = characters(path);
      if (side === undefined || !(folders.has(name) || parents(name).some((folder) => names.has(folder)))) continue;
      throw new GlueError(
        "landRefused",
        `${pathText(path)} is in the way of a file that is not on your disk (sparse checkout), and would take it out of the branch.`,
        { hint: "Check that path out here and start a new session, or take the change with glue session export." },
      );
    }
  }

  async #hold(tree: string): Promise<void> {
    if (this.#holds !== tree) await git(["read-tree", tree], this.#git());
    this.#holds = tree;
  }

  async #changes(from: string, to: string): Promise<Entry[]> {
    if (from === to) return [];
    return (await diffTrees(this.#git(), from, to)).map((entry) => ({ path: entry.path, side: sides(entry).after }));
  }

  /** Those of the objects that the target has by itself. */
  async #present(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const stdin = ids.map((id) => `${id}\n`).join("");
    // Asked of a git directory without a promisor: the target's own would want to fetch what a partial clone lacks.
    const options: GitOptions = {
      ...this.#place.store.options,
      env: { GIT_OBJECT_DIRECTORY: this.#place.targetObjects },
    };
    const listed = await gitText(["cat-file", "--batch-check=%(objectname)"], { ...options, stdin });
    return new Set(listed.split("\n"));
  }

  async #listed(): Promise<Map<string, string>> {
    const { stdout } = await git(["ls-files", "--stage", "-z"], this.#git());
    return new Map(
      splitNul(stdout).map((entry) => {
        const tab = entry.indexOf(0x09);
        return [characters(entry.subarray(tab + 1)), characters(entry.subarray(0, tab)).split(" ")[1] ?? ""];
      }),
    );
  }

  /** git on the target's settings and objects, with an index, a working tree and an object folder aside. */
  #git(tree = this.#place.scratch): GitOptions {
    const { target, targetObjects, store, scratch, config } = this.#place;
    return {
      ...target,
      workTree: tree,
      config: [...OWN_INDEX, ...ownEndings(config)],
      env: {
        GIT_INDEX_FILE: join(scratch, "index"),
        GIT_OBJECT_DIRECTORY: this.objects,
        ...reading([targetObjects, storeObjects(store)]),
      },
    };
  }
}

const RULES = /(^|\/)\.gitattributes$/;
const NONE: Conversion = { filter: undefined, builtIn: false };

function pathsOf(entries: readonly Entry[]): Uint8Array[] {
  return entries.map(({ path }) => path);
}

/** An entry as `update-index -z --index-info` reads it. */
function indexInfo({ path, side }: Entry): Uint8Array {
  return concat([Buffer.from(`${side?.mode} ${side?.id} 0\t`), path, NUL]);
}

const NUL = new Uint8Array(1);

/** The folders that a path lies in. */
function parents(path: string): string[] {
  const found: string[] = [];
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) found.push(path.slice(0, at));
  return found;
}
