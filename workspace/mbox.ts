/** The change as mail: for people, and for `git am` where there is no glue. Derived from the commits; the bundle is the truth. */
import { join } from "node:path";
import { CAPTURE_FILES, type ChangeStore } from "./capture-store.ts";
import { removeDurably, writeDurably } from "./durable-file.ts";
import { gitStream, gitText } from "./git.ts";
import { GLUE_IDENTITY } from "./layout.ts";
import { tryMbox } from "./mbox-trial.ts";

/** A larger mbox is cut here and says so by its name; 50 MiB, in bytes. */
export const MBOX_CAP_BYTES = 50 * 1024 * 1024;

export interface MboxResult {
  /** Size of the whole mbox in bytes, also of one that was cut. */
  readonly size: number;
  readonly truncated: boolean;
  /** Whether a plain `git am` on the base gives the very same commits but for committer and id. */
  readonly exact: boolean;
  /** Whether it gives the very same tree at least. */
  readonly sameTree: boolean;
}

/** The commits of a change, oldest first, with their parents. */
export interface CommitLine {
  readonly id: string;
  readonly parents: readonly string[];
}

/** Lists what `head` adds to the base. */
export async function commitsSince(store: ChangeStore, head: string): Promise<CommitLine[]> {
  const text = await gitText(
    ["rev-list", "--reverse", "--topo-order", "--parents", head, `^${store.base.commit}`],
    store.options,
  );
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
 * Writes `runtime.mbox` into the session's folder. A history that mail cannot express (merges, other roots) is written as one
 * patch from the base to the last tree, so that what `git am` makes of it is at least the right tree.
 */
export async function writeMbox(
  store: ChangeStore,
  sessionDir: string,
  head: string,
  commits: readonly CommitLine[],
): Promise<MboxResult> {
  const line = isLine(store.base.commit, commits);
  const tip = line ? head : await squashed(store, head, commits);
  const written = await writePatches(store, sessionDir, tip);
  if (written.truncated) return { ...written, exact: false, sameTree: false };
  const path = join(sessionDir, CAPTURE_FILES.mbox);
  const tried = await tryMbox(store, path, head, line ? commits.map(({ id }) => id) : []);
  if (tried.sameTree || !line) return { ...written, ...tried, exact: tried.exact && line };
  // Mail cannot carry these commits one by one (a message that looks like a patch, carriage returns): one patch may still do.
  const whole = await squashed(store, head, commits);
  const again = await writePatches(store, sessionDir, whole);
  const { sameTree } = await tryMbox(store, path, head, []);
  if (sameTree) return { ...again, exact: false, sameTree };
  return { ...(await writePatches(store, sessionDir, tip)), exact: false, sameTree: false };
}

/** A commit of the last tree right on the base; it lives in the store only. */
async function squashed(store: ChangeStore, head: string, commits: readonly CommitLine[]): Promise<string> {
  const message = `All changes of the session in one patch\n\nIt stands for ${commits.length} commits that mail cannot carry as they are.\n`;
  const { name, email } = GLUE_IDENTITY;
  const env = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
  return await gitText(["commit-tree", `${head}^{tree}`, "-p", store.base.commit], {
    ...store.options,
    env,
    stdin: message,
  });
}

const FORMAT = [
  "format-patch",
  "--stdout",
  "--binary",
  "--full-index",
  "-M",
  "--no-signature",
  "--no-thread",
  "--no-cover-letter",
];

/** Only a whole mbox ever bears the name of a whole one. */
async function writePatches(
  store: ChangeStore,
  sessionDir: string,
  tip: string,
): Promise<{ size: number; truncated: boolean }> {
  const patches = gitStream([...FORMAT, `${store.base.commit}..${tip}`], store.options);
  const whole = join(sessionDir, CAPTURE_FILES.mbox);
  const cut = join(sessionDir, CAPTURE_FILES.truncated);
  let size = 0;
  async function* capped() {
    for await (const bytes of patches.stdout) {
      const room = MBOX_CAP_BYTES - size;
      size += bytes.length;
      if (room > 0) yield bytes.subarray(0, room);
    }
    await patches.done;
  }
  await writeDurably(whole, [capped()], () => (size > MBOX_CAP_BYTES ? cut : whole));
  const truncated = size > MBOX_CAP_BYTES;
  removeDurably(sessionDir, [truncated ? CAPTURE_FILES.mbox : CAPTURE_FILES.truncated]);
  return { size, truncated };
}
