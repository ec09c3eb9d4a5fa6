/** Brings commits with all that they reach into a target's own object store, proven outside of it first. */
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve as resolvePath } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import type { ChangeStore } from "./capture-store.ts";
import { type GitOptions, git, gitStream, gitText } from "./git.ts";
import { quotedFolder } from "./object-folder.ts";

/** The object folders that git may read beside the target's own, as its environment names them. */
export function reading(folders: readonly string[]): Readonly<Record<string, string>> {
  return { GIT_ALTERNATE_OBJECT_DIRECTORIES: folders.map(quotedFolder).join(":") };
}

/** Where a store keeps its objects. */
export function storeObjects(store: ChangeStore): string {
  return join(store.gitDir, "objects");
}

/** Where the target keeps its objects, absolute. */
export async function objectFolder(target: GitOptions): Promise<string> {
  return resolvePath(target.gitDir ?? "", await gitText(["rev-parse", "--git-path", "objects"], target));
}

/** Whether the commit and everything that it reaches is in the target, down to what its refs keep already. */
export async function isJoined(target: GitOptions, commit: string): Promise<boolean> {
  const args = ["rev-list", "--objects", "--quiet", commit, "--not", "--all"];
  return (await git(args, { ...target, okExit: [0, 128] })).exitCode === 0;
}

/**
 * The commits that both sides have: the base, or else the commit under it (none where the base is a first commit). Without either, the
 * history of the branch would have a hole, and the target would have to become a shallow repository. A ref need not lead to them
 * (after an amend none does): the branch will. `landRefused`.
 */
export async function knownStart(store: ChangeStore, target: GitOptions): Promise<string[]> {
  const { base } = store;
  if (await isJoined(target, base.commit)) return [base.commit];
  const raw = await gitText(["cat-file", "commit", base.commit], store.options);
  const parents = [...raw.slice(0, raw.indexOf("\n\n")).matchAll(/^parent (\S+)$/gm)].map(([, id = ""]) => id);
  for (const parent of parents) {
    if (await isJoined(target, parent)) continue;
    throw new GlueError(
      "landRefused",
      `This repository does not have commit ${parent}, which the session started from.`,
      {
        hint: "Fetch it here first, or land in the repository that the session came from, or export the patch.",
      },
    );
  }
  return parents;
}

export interface Bringing {
  readonly commit: string;
  /** What the target has already. */
  readonly known: readonly string[];
  /** Folders with the objects that it lacks. */
  readonly from: readonly string[];
  /** A folder that may be written to, and is left as it was. */
  readonly scratch: string;
  /** Only proves that the target would take them. */
  readonly check: boolean;
}

/**
 * Copies what the target lacks into its own object store; nothing is borrowed, so nothing can vanish under it. It is proven whole and
 * sound outside of it first, so that a refusal leaves no trace there. `landRefused`.
 */
export async function bringObjects(target: GitOptions, bringing: Bringing): Promise<void> {
  const { commit, known, from, scratch, check } = bringing;
  if (await isJoined(target, commit)) return;
  const quarantine = join(scratch, `quarantine-${Bun.randomUUIDv7()}`);
  mkdirSync(join(quarantine, "pack"), { recursive: true });
  try {
    const objects = await objectFolder(target);
    const pack = gitStream(["pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q"], {
      ...target,
      env: reading(from),
      stdin: `${[commit, ...known.map((id) => `^${id}`)].join("\n")}\n`,
    });
    const apart: GitOptions = { ...target, env: { GIT_OBJECT_DIRECTORY: quarantine, ...reading([objects]) } };
    const indexing = git(["index-pack", "--stdin", "--fix-thin", "--strict"], { ...apart, stdin: pack.stdout });
    const [indexed, packed] = await Promise.allSettled([indexing, pack.done]);
    // Whoever ends first takes the other along: a pack that was cut short is no refusal, and a refusal stops the packing.
    const cut = indexed.status === "rejected" && /early EOF|premature end/.test(String(indexed.reason));
    if (indexed.status === "rejected" && !cut) throw refusedObjects(indexed.reason);
    if (packed.status === "rejected") throw packed.reason;
    if (indexed.status === "rejected") throw refusedObjects(indexed.reason);
    if (!(await isJoined(apart, commit))) {
      throw new GlueError(
        "landRefused",
        "The history of the change is not whole: it was fetched shallow inside the sandbox.",
        {
          hint: "Fetch the missing history here first, or export the patch.",
        },
      );
    }
    if (check) return;
    const id = new TextDecoder().decode(indexed.value.stdout).trim().split(/\s+/).at(-1);
    // git itself puts it there: it knows how this repository wants its files.
    await git(["index-pack", "--stdin"], { ...target, stdin: Bun.file(join(quarantine, "pack", `pack-${id}.pack`)) });
  } finally {
    rmSync(quarantine, { recursive: true, force: true });
  }
}

function refusedObjects(cause: unknown): unknown {
  if (!isGlueError(cause, "gitFailed")) return cause;
  return new GlueError("landRefused", `git does not let these objects in: ${cause.message}`, {
    hint: "They were made inside with something that git fsck rejects. glue session export saves the change as a patch.",
    cause,
  });
}
