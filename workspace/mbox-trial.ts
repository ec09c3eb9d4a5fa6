/** Finds out what `git am` makes of an mbox, by doing it: in a repository of its own that holds only the paths that change. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isGlueError } from "../spec/glue-error.ts";
import type { ChangeStore } from "./capture-store.ts";
import { type FoundObject, findObjects } from "./cat-file.ts";
import { importPath } from "./fast-import.ts";
import { type GitOptions, git } from "./git.ts";
import { GLUE_IDENTITY } from "./layout.ts";
import { quotedFolder } from "./object-folder.ts";
import { diffCommits, type RawEntry, type Side, sides } from "./raw-diff.ts";

export interface Trial {
  /** Whether the tree came out the same. */
  readonly sameTree: boolean;
  /** Whether each commit came out with its changes, author, date and message. */
  readonly exact: boolean;
}

/** What an mbox is meant to make. */
export interface Meant {
  /** What differs between the base and the last tree. */
  readonly net: readonly RawEntry[];
  /** The commits, oldest first and one behind the other; empty where one patch stands for all. */
  readonly commits: readonly string[];
}

/** Applies a mbox with a plain `git am` and compares; once for each time it was made ready. Leaves nothing behind. */
export interface ReadyTrial {
  apply(mbox: string): Promise<Trial>;
  /** Instead of applying. */
  drop(): void;
}

const NO: Trial = { sameTree: false, exact: false };

/** Makes ready while the mbox is still being written. */
export async function prepareTrial(store: ChangeStore, meant: Meant): Promise<ReadyTrial> {
  const place = join(store.gitDir, `trial-${Bun.randomUUIDv7()}`);
  const drop = () => rmSync(place, { recursive: true, force: true });
  try {
    const options = prepare(store, place);
    // A single commit stands on the base, so that what it changes is the whole difference.
    const steps = meant.commits.length < 2 ? [meant.net] : await diffCommits(store.options, meant.commits);
    await makeStart(options, meant.net, steps);
    return { drop, apply: (mbox) => answer(drop, async () => await applyAndCompare(options, mbox, meant)) };
  } catch (error) {
    drop();
    if (isGlueError(error, "gitFailed")) return { drop, apply: async () => NO };
    throw error;
  }
}

async function answer(drop: () => void, trial: () => Promise<Trial>): Promise<Trial> {
  try {
    return await trial();
  } catch (error) {
    // The trial answers a question; that it could not be made is the answer no, never a reason to lose the capture.
    if (isGlueError(error, "gitFailed")) return NO;
    throw error;
  } finally {
    drop();
  }
}

function prepare(store: ChangeStore, place: string): GitOptions {
  const gitDir = join(place, "git");
  const workTree = join(place, "tree");
  for (const folder of ["objects/info", "objects/pack", "refs", "info"])
    mkdirSync(join(gitDir, folder), { recursive: true });
  mkdirSync(workTree);
  const sha256 = store.base.objectFormat === "sha256" ? "[extensions]\n\tobjectFormat = sha256\n" : "";
  writeFileSync(
    join(gitDir, "config"),
    `[core]\n\trepositoryFormatVersion = ${sha256 === "" ? 0 : 1}\n\tbare = false\n\tsparseCheckout = true\n${sha256}`,
  );
  // Nothing is put on disk but what a patch touches.
  writeFileSync(join(gitDir, "info", "sparse-checkout"), "!/*\n");
  writeFileSync(join(gitDir, "HEAD"), `ref: ${MADE}\n`);
  const { name, email } = GLUE_IDENTITY;
  return {
    gitDir,
    workTree,
    config: ["core.fsync=none", `user.name=${name}`, `user.email=${email}`, "core.safecrlf=false"],
    env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: quotedFolder(join(store.gitDir, "objects")) },
  };
}

/** The branch that `git am` works on, where it starts, and the trees that it is meant to make, a commit each. */
const MADE = "refs/heads/made";
const START = "refs/glue/start";
const MEANT = "refs/glue/meant";

/**
 * A commit with the base's entries at the paths that any of the changes touches: to `git am` it is as good as all of the base. And
 * on it what should come out, cut down to those paths in the same way.
 */
async function makeStart(options: GitOptions, net: readonly RawEntry[], steps: readonly (readonly RawEntry[])[]) {
  const first = new Map<string, { path: Uint8Array; side: Side }>();
  const seen = new Set<string>();
  for (const change of [...net, ...steps.flat()]) {
    const key = Buffer.from(change.path).toString("latin1");
    // The first change of a path says what the base has there; the net one comes first of all.
    if (seen.has(key)) continue;
    seen.add(key);
    const { before } = sides(change);
    if (before !== undefined) first.set(key, { path: change.path, side: before });
  }
  const start = [...first.values()].map(({ path, side }) => modify(path, side));
  const stdin = [
    importCommit(MADE, start),
    `reset ${START}\nfrom ${MADE}\n\nreset ${MEANT}\nfrom ${MADE}\n\n`,
    ...steps.map((step) => importCommit(MEANT, stepLines(step))),
  ].join("");
  await git(["fast-import", "--quiet"], { ...options, stdin: Buffer.from(stdin, "latin1") });
  await git(["read-tree", MADE], options);
}

function importCommit(branch: string, lines: readonly string[]): string {
  const { name, email } = GLUE_IDENTITY;
  return `commit ${branch}\ncommitter ${name} <${email}> 0 +0000\ndata 0\n${lines.join("")}\n`;
}

/** What goes comes first: a folder may take the place of a file, or a file that of a folder. */
function stepLines(step: readonly RawEntry[]): string[] {
  const gone = step.filter((entry) => sides(entry).after === undefined).map(({ path }) => `D ${importPath(path)}\n`);
  const there = step.flatMap((entry) => {
    const { after } = sides(entry);
    return after === undefined ? [] : [modify(entry.path, after)];
  });
  return [...gone, ...there];
}

function modify(path: Uint8Array, { mode, id }: Side): string {
  return `M ${mode} ${id} ${importPath(path)}\n`;
}

async function applyAndCompare(options: GitOptions, mbox: string, meant: Meant): Promise<Trial> {
  const applied = await git(["am", "--quiet", mbox], { ...options, okExit: [0, 1, 2, 128] });
  if (applied.exitCode !== 0) return NO;
  const count = meant.commits.length;
  const each = meant.commits.flatMap((id, at) => [`${MADE}~${count - 1 - at}`, `${MEANT}~${count - 1 - at}`, id]);
  const [made, wanted, start, bottom, ...texts] = await findObjects(options, [
    MADE,
    MEANT,
    START,
    `${MADE}~${count}`,
    ...each,
  ]);
  const sameTree = made !== undefined && treeLine(made) === treeLine(wanted);
  const exact =
    count > 0 &&
    bottom?.id === start?.id &&
    meant.commits.every((_, at) => {
      const [own, step, original] = texts.slice(3 * at, 3 * at + 3);
      return treeLine(own) === treeLine(step) && essence(own) === essence(original);
    });
  return { sameTree, exact: sameTree && exact };
}

function treeLine(commit: FoundObject | undefined): string | undefined {
  return commit?.text.slice(0, commit.text.indexOf("\n"));
}

/** A commit without what another place and another committer change. */
function essence(commit: FoundObject | undefined): string | undefined {
  if (commit === undefined) return undefined;
  const end = commit.text.indexOf("\n\n");
  const headers = commit.text.slice(0, end).split("\n");
  return headers.filter((line) => !/^(?:tree|parent|committer) /.test(line)).join("\n") + commit.text.slice(end);
}
