/** Whether what came back is what the sandbox said, by the objects that are here. */
import { GlueError } from "../spec/glue-error.ts";
import type { SandboxState } from "./capture-script.ts";
import { type ChangeStore, idsOf, isWhole } from "./capture-store.ts";
import type { CommitLine } from "./mbox.ts";
import { type ProofObjects, readProofObjects } from "./mbox-proof.ts";
import { diffTreePair, type RawEntry } from "./raw-diff.ts";

/** What a change is told and proven from. */
export interface Reading {
  /** What differs between the base and the last tree. */
  readonly net: Promise<readonly RawEntry[]>;
  /** The change where it is nothing but uncommitted work on the base. */
  readonly single: CommitLine | undefined;
  /** That commit, and the files before it, where they can be read at once. */
  readonly objects: Promise<ProofObjects | undefined> | undefined;
}

/** Begins to read what came. */
export function readChange(store: ChangeStore, state: SandboxState): Reading {
  const net = diffTreePair(store.options, store.base.tree, state.tree);
  const single = singleCommit(store, state);
  return { net, single, objects: single && net.then((entries) => readProofObjects(store, single.id, entries)) };
}

/**
 * Proves that what came over makes the state whole: every object is there, and the tree is the sandbox's. Without `have` git has proven
 * that every object that came points to nothing that is missing; then it is enough that the tips are there.
 */
export async function prove(
  store: ChangeStore,
  state: SandboxState,
  { single, objects }: Reading,
  have: readonly string[] | undefined,
): Promise<void> {
  const tips = [state.head, ...state.refs.map(({ id }) => id)].filter((id) => id !== store.base.commit);
  const own = (await objects)?.commit;
  const asked = async () => await idsOf(store.options, [`${state.head}^{tree}`, `${state.head}^1`, ...tips]);
  const [[tree, parent, ...found], whole] = await Promise.all([
    own !== undefined && tips.length === 1 ? [headerOf(own, "tree"), headerOf(own, "parent"), state.head] : asked(),
    have === undefined || isWhole(store.options, tips, [store.base.commit, ...have]),
  ]);
  if (!whole || found.includes(undefined)) {
    throw new GlueError("gitFailed", "What came back from the sandbox is not whole: objects are missing.");
  }
  if (single !== undefined && parent !== store.base.commit) {
    throw new GlueError("gitFailed", `The commit ${state.head} does not stand on the base.`);
  }
  if (tree !== state.tree) {
    throw new GlueError("gitFailed", `The tree that came back is ${tree}, but the sandbox's is ${state.tree}.`);
  }
}

/** The first value of a header of a commit; undefined where it has none. */
function headerOf(commit: string, name: string): string | undefined {
  const head = commit.slice(0, commit.indexOf("\n\n"));
  return new RegExp(`^${name} (.*)$`, "m").exec(head)?.[1];
}

function singleCommit(store: ChangeStore, state: SandboxState): CommitLine | undefined {
  if (state.parent !== store.base.commit || state.head === state.parent) return undefined;
  return { id: state.head, parents: [state.parent] };
}
