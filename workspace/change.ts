/** Reads a captured change: its commits, its extent, its text. */
import type { ByteStream } from "../runtimes/contract.ts";
import { splitNul } from "./bytes.ts";
import type { CapturedRef } from "./capture-script.ts";
import {
  BORDER,
  type ChangeStore,
  healChangeStore,
  isWhole,
  openChangeStore,
  type StorePlace,
} from "./capture-store.ts";
import { type GitStream, git, gitStream } from "./git.ts";
import { pathText, REFS } from "./layout.ts";

/** A change that was captured. */
export interface Change {
  readonly store: ChangeStore;
  /** The commit to land. */
  readonly head: string;
  /** What was named inside: branches, tags, stashes, unfinished work. */
  readonly refs: readonly CapturedRef[];
}

/**
 * Undefined where nothing was captured, or nothing was changed; with `orBase` such a change has nothing on top of the base. `gitMissing`,
 * `sessionDamaged`.
 */
export async function openChange(place: StorePlace, orBase = false): Promise<Change | undefined> {
  const opened = await openChangeStore(place);
  const head = opened.bundle?.refs.find(({ name }) => name === REFS.captured)?.id;
  if (opened.bundle === undefined && orBase) return { store: opened, head: opened.base.commit, refs: [] };
  if (head === undefined || opened.bundle === undefined) return undefined;
  const whole = await isWhole(opened.options, [head], []);
  const store = whole ? opened : await healChangeStore(place, { keepChange: true });
  const refs = opened.bundle.refs.filter(({ name }) => name !== REFS.captured && !name.startsWith(BORDER));
  return { store, head, refs };
}

export interface ChangeCommit {
  readonly id: string;
  readonly author: string;
  /** ISO 8601 with the author's own offset. */
  readonly date: string;
  /** The first paragraph of the message, as one line. */
  readonly subject: string;
}

/** The commits on top of the base, newest first. */
export async function listCommits({ store, head }: Change): Promise<ChangeCommit[]> {
  const args = ["log", "-z", "--format=%H%x00%an <%ae>%x00%aI%x00%s", "--topo-order", head, `^${store.base.commit}`];
  const { stdout } = await git(args, store.options);
  const fields = splitNul(stdout).map((field) => new TextDecoder().decode(field));
  const commits: ChangeCommit[] = [];
  for (let at = 0; at + 3 < fields.length; at += 4) {
    const [id = "", author = "", date = "", subject = ""] = fields.slice(at, at + 4);
    commits.push({ id, author, date, subject });
  }
  return commits;
}

export interface ChangedFile {
  readonly status: "added" | "deleted" | "modified" | "renamed" | "type";
  /** As `pathText` writes it. */
  readonly path: string;
  /** Where a renamed file was before. */
  readonly from?: string;
}

/** The files that differ between the base and the head. */
export async function listFiles({ store, head }: Change): Promise<ChangedFile[]> {
  const args = ["diff-tree", "-r", "-z", "-M", "--name-status", store.base.commit, head];
  const { stdout } = await git(args, store.options);
  const fields = splitNul(stdout);
  const files: ChangedFile[] = [];
  for (let at = 0; at + 1 < fields.length; ) {
    const letter = String.fromCharCode(fields[at]?.[0] ?? 0);
    const [one, two] = [fields[at + 1], fields[at + 2]].map((path) => pathText(path ?? new Uint8Array(0)));
    const renamed = letter === "R";
    files.push({
      status: STATUS[letter] ?? "modified",
      path: (renamed ? two : one) ?? "",
      ...(renamed ? { from: one ?? "" } : {}),
    });
    at += renamed ? 3 : 2;
  }
  return files;
}

const STATUS: Readonly<Record<string, ChangedFile["status"]>> = {
  A: "added",
  D: "deleted",
  M: "modified",
  R: "renamed",
  T: "type",
};

export interface DiffOptions {
  readonly color: boolean;
  /** Only how much of each file changed, in lines of at most this many columns. */
  readonly statWidth?: number;
  /** Complete, so that it can be applied: binary content and whole ids. */
  readonly patch?: boolean;
  /** The folder that the paths are below, with a slash at its end. */
  readonly below?: string;
}

/** The difference between the base and the head, as text. `done` must be awaited. */
export function diff({ store, head }: Change, options: DiffOptions): GitStream {
  const stat = options.statWidth === undefined ? [] : [`--stat=${options.statWidth}`];
  const patch = options.patch ? ["--binary", "--full-index"] : [];
  const below = options.below ?? "";
  const prefixes = below === "" ? [] : [`--src-prefix=a/${below}`, `--dst-prefix=b/${below}`];
  const color = `--color=${options.color ? "always" : "never"}`;
  return gitStream(["diff", "-M", color, ...prefixes, ...stat, ...patch, store.base.commit, head, "--"], store.options);
}

/** All of a stream as text. */
export async function asText(stream: ByteStream): Promise<string> {
  return await new Response(stream).text();
}
