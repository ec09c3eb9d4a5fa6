/**
 * The commits to land. They are the captured ones, ids and signatures and all, but for two reasons: the repository holds other content
 * than the disk (then trees are replaced), or history does not stand on the session's start (then parents are).
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { type ChangeStore, treeOf } from "./capture-store.ts";
import { readObjects } from "./cat-file.ts";
import { type GitOptions, gitText } from "./git.ts";
import { mayConvert, targetConfig } from "./land-attributes.ts";
import { commitId, type Rewritten, rewriteCommit } from "./land-commit.ts";
import { TreeForms, type TreePair } from "./land-forms.ts";
import { objectFolder, storeObjects } from "./land-objects.ts";
import type { CommitLine } from "./mbox.ts";
import type { StagedBase } from "./snapshot-types.ts";

export interface RewriteRequest {
  readonly store: ChangeStore;
  readonly base: StagedBase;
  readonly target: GitOptions;
  /** What the target has: the base, or else what is under it. */
  readonly known: readonly string[];
  /** The captured commit, and what it adds to the base, oldest first. */
  readonly head: string;
  readonly commits: readonly CommitLine[];
  /** Commits of repositories inside this one that land under another id. */
  readonly gitlinks: ReadonlyMap<string, string>;
  /** An empty folder of this run alone, absolute. */
  readonly scratch: string;
}

/** Why commits do not have the ids that they had in the sandbox. */
export type RewriteReason = "converted" | "history";

export interface ToLand {
  readonly commit: string;
  readonly tree: string;
  /** Empty where every id was kept. */
  readonly why: readonly RewriteReason[];
  readonly rewritten: readonly Rewritten[];
  /** Paths of the last tree that the repository holds in another form than the disk had. */
  readonly converted: readonly string[];
  /** Folders with objects that the target may lack. */
  readonly from: readonly string[];
}

/** Works out what to land. Nothing of the target is written. `landRefused` where content would get in that must not. */
export async function rewriteForTarget(request: RewriteRequest): Promise<ToLand> {
  const { store, head, commits, base, target } = request;
  const stands = head === store.base.commit || commits.some(({ parents }) => parents.includes(store.base.commit));
  const config = await targetConfig(target);
  const ids = commits.map(({ id }) => id);
  const asked = base.converted.length > 0 || base.conversionsUnknown === true || request.gitlinks.size > 0;
  const convert = asked || (await mayConvert(store, ids, target, config));
  if (!convert && stands) {
    const tree = await treeOf(store.options, head);
    return { commit: head, tree, why: [], rewritten: [], converted: [], from: [storeObjects(store)] };
  }
  const { scratch, gitlinks } = request;
  const targetObjects = await objectFolder(target);
  const place = { store, target, targetObjects, config, scratch, converted: base.converted, gitlinks };
  const forms = convert ? new TreeForms(place) : undefined;
  const objects = join(scratch, "objects");
  mkdirSync(objects, { recursive: true });
  const made = await rewriteAll(request, stands, forms);
  forms?.check();
  await writeCommits(store.options, scratch, objects, made.written);
  const last = made.trees.get(head);
  if (last === undefined) throw new GlueError("internal", "The head of a change is not among its commits.");
  const from = [storeObjects(store), objects];
  return {
    commit: made.renamed.get(head) ?? head,
    tree: last.git,
    why: made.why(),
    rewritten: [...made.renamed].flatMap(([id, to]) => (id === to ? [] : [{ from: id, to }])),
    converted: (await forms?.converted(last)) ?? [],
    from,
  };
}

interface Made {
  readonly renamed: ReadonlyMap<string, string>;
  readonly trees: ReadonlyMap<string, TreePair>;
  readonly written: readonly { id: string; body: Buffer }[];
  why(): RewriteReason[];
}

async function rewriteAll(request: RewriteRequest, stands: boolean, forms: TreeForms | undefined): Promise<Made> {
  const { store, commits, known, base } = request;
  const start = store.base.commit;
  const rawTrees = await treesOf(store, [start, ...commits.map(({ id }) => id)]);
  const originals = await readObjects(store.options, [start, ...commits.map(({ id }) => id)]);
  const trees = new Map<string, TreePair>();
  const renamed = new Map<string, string>();
  const written: { id: string; body: Buffer }[] = [];
  const why = new Set<RewriteReason>();

  const take = (id: string, original: string, pair: TreePair, parents: readonly string[] | undefined): void => {
    trees.set(id, pair);
    const body = rewriteCommit(original, pair.git === pair.raw ? undefined : pair.git, parents, renamed);
    const fresh = body === undefined ? id : commitId(store.base.objectFormat, body);
    renamed.set(id, fresh);
    if (body !== undefined && fresh !== id) written.push({ id: fresh, body });
    if (pair.git !== pair.raw) why.add("converted");
  };

  const startTree = rawTrees.get(start) ?? "";
  const startPair =
    forms === undefined || known[0] === start
      ? { raw: startTree, git: startTree }
      : await forms.base(startTree, known[0] === undefined ? null : await treeOf(request.target, known[0]));
  const under = known[0];
  if (under !== undefined && under !== start && base.strategy !== "resume" && startPair.git !== startPair.raw) {
    // Nothing but conversion was between the commit and the disk: there was no uncommitted work.
    const same = startPair.git === (await treeOf(request.target, under));
    if (same) {
      trees.set(start, startPair);
      renamed.set(start, under);
      why.add("converted");
    }
  }
  forms?.startFrom(startPair);
  if (!renamed.has(start)) take(start, originals[0] ?? "", startPair, undefined);
  for (const [at, { id, parents }] of commits.entries()) {
    const raw = rawTrees.get(id) ?? "";
    const known = parents.map((parent) => trees.get(parent)).filter((pair) => pair !== undefined);
    const [first = startPair, ...others] = known;
    const pair = forms === undefined ? { raw, git: raw } : await forms.next(raw, first, others);
    const onStart = renamed.get(start) ?? start;
    const moved = stands
      ? undefined
      : unique(parents.length === 0 ? [onStart] : parents.map((p) => renamed.get(p) ?? onStart));
    if (!stands) why.add("history");
    take(id, originals[at + 1] ?? "", pair, moved);
  }
  return { renamed, trees, written, why: () => [...why] };
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}

/** The tree of each commit. */
async function treesOf(store: ChangeStore, commits: readonly string[]): Promise<Map<string, string>> {
  const stdin = commits.map((id) => `${id}^{tree}\n`).join("");
  const listed = await gitText(["cat-file", "--batch-check=%(objectname)"], { ...store.options, stdin });
  const trees = listed.split("\n");
  return new Map(commits.map((id, at) => [id, trees[at] ?? ""]));
}

async function writeCommits(
  options: GitOptions,
  scratch: string,
  objects: string,
  commits: readonly { id: string; body: Buffer }[],
): Promise<void> {
  if (commits.length === 0) return;
  const folder = join(scratch, "commits");
  mkdirSync(folder);
  try {
    for (const { id, body } of commits) writeFileSync(join(folder, id), body);
    const paths = commits.map(({ id }) => `${join(folder, id)}\n`).join("");
    const made = await gitText(["hash-object", "-t", "commit", "-w", "--no-filters", "--stdin-paths"], {
      ...options,
      env: { GIT_OBJECT_DIRECTORY: objects },
      stdin: paths,
    });
    if (made !== commits.map(({ id }) => id).join("\n"))
      throw new GlueError("internal", "git names a rewritten commit differently.");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
