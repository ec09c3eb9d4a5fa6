/** Finds out what `git am` makes of an mbox, by doing it: in a repository of its own that holds only the paths that change. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isGlueError } from "../spec/glue-error.ts";
import type { ChangeStore } from "./capture-store.ts";
import { readObjects } from "./cat-file.ts";
import { importPath } from "./fast-import.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import { GLUE_IDENTITY } from "./layout.ts";
import { quotedFolder } from "./object-folder.ts";
import { diffCommits, diffTrees, type RawEntry, type Side, sameness, sides } from "./raw-diff.ts";

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

/** Applies the mbox with a plain `git am` and compares. Leaves nothing behind. */
export async function tryMbox(store: ChangeStore, mbox: string, meant: Meant): Promise<Trial> {
  const place = join(store.gitDir, `trial-${Bun.randomUUIDv7()}`);
  try {
    const options = prepare(store, place);
    const steps = await diffCommits(store.options, meant.commits);
    const start = await makeStart(options, [...meant.net, ...steps.flat()]);
    const applied = await git(["am", "--quiet", mbox], { ...options, okExit: [0, 1, 2, 128] });
    if (applied.exitCode !== 0) return { sameTree: false, exact: false };
    return await compare(options, start, meant, steps);
  } catch (error) {
    // The trial answers a question; that it could not be made is the answer no, never a reason to lose the capture.
    if (isGlueError(error, "gitFailed")) return { sameTree: false, exact: false };
    throw error;
  } finally {
    rmSync(place, { recursive: true, force: true });
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
  writeFileSync(join(gitDir, "HEAD"), `ref: ${START}\n`);
  const { name, email } = GLUE_IDENTITY;
  return {
    gitDir,
    workTree,
    config: ["core.fsync=none", `user.name=${name}`, `user.email=${email}`, "core.safecrlf=false"],
    env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: quotedFolder(join(store.gitDir, "objects")) },
  };
}

const START = "refs/heads/start";

/** A commit with the base's entries at the paths that any of the changes touches: to `git am` it is as good as all of the base. */
async function makeStart(options: GitOptions, changes: readonly RawEntry[]): Promise<string> {
  const first = new Map<string, { path: Uint8Array; side: Side }>();
  const seen = new Set<string>();
  for (const change of changes) {
    const key = Buffer.from(change.path).toString("latin1");
    // The first change of a path says what the base has there; the net one comes first of all.
    if (seen.has(key)) continue;
    seen.add(key);
    const { before } = sides(change);
    if (before !== undefined) first.set(key, { path: change.path, side: before });
  }
  const entries = [...first.values()].map(({ path, side }) => `M ${side.mode} ${side.id} ${importPath(path)}\n`);
  const { name, email } = GLUE_IDENTITY;
  const stdin = Buffer.from(
    `commit ${START}\ncommitter ${name} <${email}> 0 +0000\ndata 0\n${entries.join("")}\n`,
    "latin1",
  );
  await git(["fast-import", "--quiet"], { ...options, stdin });
  await git(["read-tree", START], options);
  return await gitText(["rev-parse", START], options);
}

async function compare(
  options: GitOptions,
  start: string,
  meant: Meant,
  steps: readonly (readonly RawEntry[])[],
): Promise<Trial> {
  const made = (await gitText(["rev-list", "--reverse", `${start}..HEAD`], options))
    .split("\n")
    .filter((id) => id !== "");
  const [net, own, texts] = await Promise.all([
    diffTrees(options, start, "HEAD"),
    diffCommits(options, made),
    readObjects(options, [...made, ...meant.commits]),
  ]);
  const sameTree = sameness(net) === sameness(meant.net);
  const exact =
    made.length === meant.commits.length &&
    made.every((_, at) => essence(texts[at]) === essence(texts[made.length + at])) &&
    steps.every((step, at) => sameness(step) === sameness(own[at] ?? []));
  return { sameTree, exact: sameTree && exact };
}

/** A commit without what another place and another committer change. */
function essence(commit = ""): string {
  const end = commit.indexOf("\n\n");
  const headers = commit.slice(0, end).split("\n");
  return headers.filter((line) => !/^(?:tree|parent|committer) /.test(line)).join("\n") + commit.slice(end);
}
