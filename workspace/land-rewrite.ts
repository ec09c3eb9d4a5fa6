/** History that does not stand on the session's start (an amended base, an orphan branch) is put there, and nothing else of it changed. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import type { ChangeStore } from "./capture-store.ts";
import { readObjects } from "./cat-file.ts";
import { type GitOptions, gitText } from "./git.ts";
import type { CommitLine } from "./mbox.ts";

/**
 * The commit to land: `head` itself where it stands on the base. Otherwise its commits are written anew, parents first: a first
 * commit gets the base as parent, the others their new parents; trees, authors, dates and messages stay, a signature that no longer
 * holds goes.
 */
export async function onBase(store: ChangeStore, head: string, commits: readonly CommitLine[]): Promise<string> {
  const base = store.base.commit;
  if (head === base || commits.some(({ parents }) => parents.includes(base))) return head;
  const originals = await readObjects(
    store.options,
    commits.map(({ id }) => id),
  );
  const renamed = new Map<string, string>();
  const written: { id: string; body: Buffer }[] = [];
  for (const [at, { id, parents }] of commits.entries()) {
    const body = withParents(
      originals[at],
      parents.length === 0 ? [base] : parents.map((parent) => renamed.get(parent) ?? parent),
    );
    const fresh = commitId(store.base.objectFormat, body);
    renamed.set(id, fresh);
    written.push({ id: fresh, body });
  }
  await writeCommits(store.options, join(store.gitDir, "rewritten"), written);
  const landed = renamed.get(head);
  if (landed === undefined) throw new GlueError("internal", "The head of a change is not among its commits.");
  return landed;
}

/** A commit's bytes (as latin1 text) with other parents and without its signature. */
function withParents(commit: string | undefined, parents: readonly string[]): Buffer {
  const text = commit ?? "";
  const end = text.indexOf("\n\n");
  // A header that goes on in the next line is indented there.
  const headers = text.slice(0, end).split(/\n(?! )/);
  const kept = headers.filter((header) => !/^(?:parent|gpgsig|gpgsig-sha256) /.test(header));
  const [tree = "", ...rest] = kept;
  const lines = [tree, ...parents.map((id) => `parent ${id}`), ...rest].join("\n");
  return Buffer.from(lines + text.slice(end), "latin1");
}

function commitId(format: "sha1" | "sha256", body: Buffer): string {
  return new Bun.CryptoHasher(format).update(`commit ${body.length}\0`).update(body).digest("hex");
}

async function writeCommits(
  options: GitOptions,
  folder: string,
  commits: readonly { id: string; body: Buffer }[],
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  try {
    for (const { id, body } of commits) writeFileSync(join(folder, id), body);
    const paths = commits.map(({ id }) => `${join(folder, id)}\n`).join("");
    const made = await gitText(["hash-object", "-t", "commit", "-w", "--no-filters", "--stdin-paths"], {
      ...options,
      stdin: paths,
    });
    if (made !== commits.map(({ id }) => id).join("\n"))
      throw new GlueError("internal", "git names a rewritten commit differently.");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
