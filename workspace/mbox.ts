/** The change as mail: for people, and for `git am` where there is no glue. Derived from the commits; the bundle is the truth. */
import { join } from "node:path";
import { CAPTURE_FILES, type ChangeStore } from "./capture-store.ts";
import { type Pending, prepareFile } from "./durable-file.ts";
import { gitStream, gitText } from "./git.ts";
import { GLUE_IDENTITY } from "./layout.ts";
import { type ProvenMeant, prepareProof } from "./mbox-proof.ts";
import type { Trial } from "./mbox-trial.ts";
import type { RawEntry } from "./raw-diff.ts";

/** A larger mbox is cut here and says so by its name; 50 MiB, in bytes. */
export const MBOX_CAP_BYTES = 50 * 1024 * 1024;

export interface Mbox {
  /** The file, which still needs its name. */
  readonly file: Pending;
  /** Of the whole mbox, in bytes, also where it was cut. */
  readonly size: number;
  readonly truncated: boolean;
  /** Whether a plain `git am` on the base gives the very same commits but for committer and id. */
  readonly exact: boolean;
}

/** A commit of a change, with its parents. */
export interface CommitLine {
  readonly id: string;
  readonly parents: readonly string[];
}

/** A change, as an mbox is made from it. */
export interface MboxSource extends Pick<ProvenMeant, "objects"> {
  /** What differs between the base and the last tree. */
  readonly net: Promise<readonly RawEntry[]>;
  /** Those that are new, as `commitsSince` lists them. */
  readonly commits: readonly CommitLine[];
}

/** Lists what `head` adds to the base (and to `known`, as far as those are here), oldest first. */
export async function commitsSince(
  store: ChangeStore,
  head: string,
  known: readonly string[] = [],
): Promise<CommitLine[]> {
  const args = ["rev-list", "--ignore-missing", "--reverse", "--topo-order", "--parents", head];
  args.push(...[store.base.commit, ...known].map((id) => `^${id}`));
  const text = await gitText(args, store.options);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", ...parents] = line.split(" ");
      return { id, parents };
    });
}

/** Whether the commits stand on the base, one behind the other: what mail can express. */
function isLine(base: string, commits: readonly CommitLine[]): boolean {
  return commits.every(({ parents }, at) => parents.length === 1 && parents[0] === (commits[at - 1]?.id ?? base));
}

/**
 * Makes `runtime.mbox`. A history that mail cannot express (merges, other roots), or whose commits it cannot carry one by one (a
 * message that looks like a patch, carriage returns), is written as one patch from the base to the last tree, if that works, so that
 * what `git am` makes of it is at least the right tree.
 */
export async function makeMbox(
  store: ChangeStore,
  sessionDir: string,
  head: string,
  { net, commits, objects }: MboxSource,
): Promise<Mbox> {
  if (isLine(store.base.commit, commits)) {
    const ids = commits.map(({ id }) => id);
    const tried = await writeAndTry(store, sessionDir, head, { net, objects }, ids);
    if (tried.truncated) return { ...tried, exact: false };
    if (tried.sameTree) return tried;
  }
  const squash = await squashed(store, head, commits);
  const whole = await writeAndTry(store, sessionDir, squash, { net }, []);
  if (whole.truncated || whole.sameTree || !isLine(store.base.commit, commits)) return { ...whole, exact: false };
  return { ...(await writePatches(store, sessionDir, head)), exact: false };
}

/** One that was truncated is not tried. */
async function writeAndTry(
  store: ChangeStore,
  sessionDir: string,
  tip: string,
  source: Omit<MboxSource, "commits">,
  commits: readonly string[],
): Promise<Mbox & Trial> {
  const ready = source.net.then((net) => prepareProof(store, { ...source, net, commits }));
  const [mbox, trial] = await Promise.allSettled([writePatches(store, sessionDir, tip), ready]);
  if (mbox.status === "fulfilled" && trial.status === "fulfilled" && !mbox.value.truncated) {
    return { ...mbox.value, ...(await trial.value.apply(mbox.value.file.fresh)) };
  }
  if (trial.status === "rejected") throw trial.reason;
  trial.value.drop();
  if (mbox.status === "rejected") throw mbox.reason;
  return { ...mbox.value, sameTree: false, exact: false };
}

/** A commit of the last tree right on the base; it lives in the store only. */
async function squashed(store: ChangeStore, head: string, commits: readonly CommitLine[]): Promise<string> {
  const message = `All changes of the session in one patch\n\nIt stands for ${commits.length} commits that mail cannot carry as they are.\n`;
  const { name, email } = GLUE_IDENTITY;
  const env = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
  const args = ["commit-tree", `${head}^{tree}`, "-p", store.base.commit];
  return await gitText(args, { ...store.options, env, stdin: message });
}

/** How git writes the mbox. */
export const FORMAT = [
  "format-patch",
  "--stdout",
  "--binary",
  "--full-index",
  "-M",
  "--no-signature",
  "--no-thread",
  "--no-cover-letter",
];

/** Writes that of the range that its stdin names. */
export const PATCHES = [...FORMAT, "--stdin"] as const;

async function writePatches(store: ChangeStore, sessionDir: string, tip: string): Promise<Omit<Mbox, "exact">> {
  const patches = gitStream(PATCHES, { ...store.options, stdin: `${store.base.commit}..${tip}\n` });
  let size = 0;
  async function* capped() {
    for await (const bytes of patches.stdout) {
      const room = MBOX_CAP_BYTES - size;
      size += bytes.length;
      if (room > 0) yield bytes.subarray(0, room);
    }
    await patches.done;
  }
  const file = await prepareFile(join(sessionDir, CAPTURE_FILES.mbox), [capped()]);
  const truncated = size > MBOX_CAP_BYTES;
  // Only a whole mbox ever bears the name of a whole one.
  const name = truncated ? CAPTURE_FILES.truncated : CAPTURE_FILES.mbox;
  return { file: { ...file, path: join(sessionDir, name) }, size, truncated };
}
