/** What git's raw diffs say, entry by entry. Never with renames: every path stands for itself. */
import { splitNul } from "./bytes.ts";
import { type GitOptions, git } from "./git.ts";

export interface RawEntry {
  /** Modes and ids before and after, and a letter, as git writes them; `000000` and zeros where there is nothing. */
  readonly meta: string;
  readonly path: Uint8Array;
}

const RAW = ["diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev"];

/** The entries that differ between two trees (or commits). */
export async function diffTrees(options: GitOptions, from: string, to: string): Promise<RawEntry[]> {
  return entriesIn((await git([...RAW, from, to], options)).stdout);
}

/** Compares the two trees that its stdin names. */
export const TREE_PAIR = [...RAW, "--stdin"] as const;

/** As `diffTrees`, of the ids of two trees, and by what may wait for them already. */
export async function diffTreePair(options: GitOptions, from: string, to: string): Promise<RawEntry[]> {
  const { stdout } = await git(TREE_PAIR, { ...options, stdin: `${from} ${to}\n` });
  // The pair itself comes first, on a line of its own.
  return entriesIn(stdout.subarray(stdout.indexOf(0x0a) + 1));
}

/** The entries that each of the commits changes in its first parent, in the order given. */
export async function diffCommits(options: GitOptions, ids: readonly string[]): Promise<RawEntry[][]> {
  if (ids.length === 0) return [];
  const stdin = ids.map((id) => `${id}\n`).join("");
  const { stdout } = await git([...RAW, "--stdin", "--always", "--root"], { ...options, stdin });
  return [...groups(splitNul(stdout))].filter(({ id }) => id !== "").map(({ entries }) => entries);
}

function entriesIn(stdout: Uint8Array): RawEntry[] {
  return [...groups(splitNul(stdout))].flatMap(({ entries }) => entries);
}

/** An id opens a group; behind it come pairs of meta and path. */
function* groups(fields: readonly Uint8Array[]) {
  let open: { id: string; entries: RawEntry[] } = { id: "", entries: [] };
  for (let at = 0; at < fields.length; at++) {
    const text = new TextDecoder().decode(fields[at]);
    const path = fields[at + 1];
    if (text.startsWith(":") && path !== undefined) {
      open.entries.push({ meta: text, path });
      at += 1;
    } else {
      yield open;
      open = { id: text, entries: [] };
    }
  }
  yield open;
}

/** What an entry is before and after the change; undefined where it is not there. */
export function sides({ meta }: RawEntry): { before: Side | undefined; after: Side | undefined } {
  const [oldMode = "", newMode = "", oldId = "", newId = ""] = meta.slice(1).split(" ");
  const side = (mode: string, id: string) => (mode === "000000" ? undefined : { mode, id });
  return { before: side(oldMode, oldId), after: side(newMode, newId) };
}

export interface Side {
  readonly mode: string;
  readonly id: string;
}
