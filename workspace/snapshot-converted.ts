/**
 * Where the repository holds other bytes than the disk: filters (LFS, git-crypt), line endings, `$Id$`, encodings, paths that a
 * sparse checkout leaves out. No filter is run to find out.
 */
import { splitNul } from "./bytes.ts";
import { EMPTY_TREE } from "./empty-tree.ts";
import { git } from "./git.ts";
import { pathText } from "./layout.ts";
import { type Change, type FormsPlace, gitForms, type Side } from "./snapshot-forms.ts";
import type { Store } from "./snapshot-store.ts";
import type { TrackedEntry } from "./snapshot-tracked.ts";
import type { ConvertedPath } from "./snapshot-types.ts";

export interface Comparison {
  readonly converted: readonly ConvertedPath[];
  /** Whether something differs from HEAD for another reason than conversion. */
  readonly dirty: boolean;
}

/**
 * Compares the raw tree with HEAD's and sorts real changes from converted content. `cleanLinks` are the commits that submodules
 * without uncommitted work have checked out, by path.
 */
export async function compareWithHead(
  place: FormsPlace,
  rawTree: string,
  missing: readonly TrackedEntry[],
  cleanLinks: ReadonlyMap<string, string>,
): Promise<Comparison> {
  const { store, repository } = place;
  if (rawTree === repository.headTree) return { converted: [], dirty: false };
  const changes = await changesSince(store, repository.headTree, rawTree);
  const absent = new Map(missing.map((entry) => [key(entry.path), entry]));
  const converted: ConvertedPath[] = [];
  const present: Change[] = [];
  let dirty = false;
  for (const change of changes) {
    const entry = absent.get(key(change.path));
    if (change.raw === null && entry !== undefined) {
      const git = { mode: entry.mode, id: entry.id };
      converted.push({ path: pathText(change.path), why: "missing", raw: null, git });
      if (change.head?.id !== entry.id || change.head.mode !== entry.mode) dirty = true;
    } else if (change.raw === null) dirty = true;
    else if (change.raw.mode !== "160000" || cleanLinks.get(pathText(change.path)) !== change.head?.id)
      present.push(change);
  }
  const forms = await gitForms(place, present);
  for (const change of present) {
    const form = forms.get(key(change.path));
    if (form === undefined) {
      dirty = true;
      continue;
    }
    converted.push({ path: pathText(change.path), why: form.why, raw: change.raw, git: form.git });
    if (form.git === null || form.git.id !== change.head?.id || form.git.mode !== change.head.mode) dirty = true;
  }
  return { converted, dirty };
}

function key(path: Uint8Array): string {
  return Buffer.from(path).toString("latin1");
}

async function changesSince(store: Store, headTree: string | null, rawTree: string): Promise<Change[]> {
  const from = headTree ?? EMPTY_TREE[store.objectFormat];
  const args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", from, rawTree];
  const { stdout } = await git(args, store.options);
  const fields = splitNul(stdout);
  const changes: Change[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [headMode = "", rawMode = "", headId = "", rawId = ""] = new TextDecoder()
      .decode(fields[at])
      .slice(1)
      .split(" ");
    changes.push({ path: fields[at + 1] as Uint8Array, head: side(headMode, headId), raw: side(rawMode, rawId) });
  }
  return changes;
}

function side(mode: string, id: string): Side {
  return mode === "000000" ? null : { mode, id };
}
