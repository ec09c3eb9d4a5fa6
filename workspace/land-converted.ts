/**
 * Whether a repository holds other bytes than the disk for what changed. The captured tree is what was on the disk; such a repository
 * must never be given it as it is: decrypted content would be published, large files would become plain ones.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { splitNul } from "./bytes.ts";
import type { ChangeStore } from "./capture-store.ts";
import { readObjects } from "./cat-file.ts";
import { type GitOptions, git } from "./git.ts";
import { pathText } from "./layout.ts";
import { quotedFolder } from "./object-folder.ts";
import { diffTrees, sides } from "./raw-diff.ts";
import type { StagedBase } from "./snapshot-types.ts";

/** Throws `landRefused` where the change cannot be landed byte for byte; names up to five of the paths. */
export async function refuseConverted(
  store: ChangeStore,
  head: string,
  { base, sessionId }: { readonly base: StagedBase; readonly sessionId: string },
  target: GitOptions,
): Promise<void> {
  const paths =
    base.converted.length > 0
      ? base.converted.map(({ path }) => path)
      : await convertedChanges(store, head, base.conversionsUnknown === true, target);
  if (paths.length === 0) return;
  const shown = paths.slice(0, 5).join(", ") + (paths.length > 5 ? `, and ${paths.length - 5} more` : "");
  throw new GlueError(
    "landRefused",
    `This repository converts content on its way in and out (LFS, encryption, line endings, encodings, sparse checkout): ${shown}. ` +
      "What came back are the bytes as they are on disk, and those must not get into it; this version of glue does not land in such a repository.",
    { hint: `Take single files with: glue session export ${sessionId} --to FOLDER` },
  );
}

interface Changed {
  readonly path: Uint8Array;
  readonly id: string;
}

/** `sinceParent`: nobody looked at what was on the disk when the session opened, so that counts as changed too. */
async function convertedChanges(
  store: ChangeStore,
  head: string,
  sinceParent: boolean,
  target: GitOptions,
): Promise<string[]> {
  const both = { GIT_ALTERNATE_OBJECT_DIRECTORIES: quotedFolder(join(store.gitDir, "objects")) };
  const from = sinceParent ? (store.base.parent ?? EMPTY_TREE[store.base.objectFormat]) : store.base.tree;
  const changed = await changedFiles({ ...target, env: both }, from, head);
  if (changed.length === 0) return [];
  const attributes = await readAttributes(store, head, changed, target);
  const automatic = await setting(target, "core.autocrlf");
  const suspects: Changed[] = [];
  const refused: string[] = [];
  for (const change of changed) {
    const value = (name: string) => attributes.get(key(change.path))?.get(name) ?? "unspecified";
    const isSet = (name: string) => value(name) !== "unspecified" && value(name) !== "unset";
    const exempt = value("text") === "unset" || (value("text") === "unspecified" && value("crlf") === "unset");
    if (isSet("filter") || isSet("working-tree-encoding")) refused.push(pathText(change.path));
    else if (isSet("ident") || (!exempt && (isSet("text") || isSet("crlf") || isSet("eol") || automatic)))
      suspects.push(change);
  }
  const contents =
    suspects.length === 0
      ? []
      : await readObjects(
          store.options,
          suspects.map(({ id }) => id),
        );
  for (const [at, { path }] of suspects.entries()) {
    // What git would change on the way in: line endings, and an identifier that is filled in.
    if (/\r\n|\$Id:/.test(contents[at] ?? "")) refused.push(pathText(path));
  }
  return refused;
}

/** git knows these two without holding them. */
const EMPTY_TREE = {
  sha1: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
  sha256: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
} as const;

/** Regular files that are new or edited, with what they hold now. */
async function changedFiles(options: GitOptions, from: string, head: string): Promise<Changed[]> {
  const changes = await diffTrees(options, from, head);
  return changes.flatMap((change) => {
    const { after } = sides(change);
    return after?.mode.startsWith("100") ? [{ path: change.path, id: after.id }] : [];
  });
}

const ATTRIBUTES = ["filter", "text", "crlf", "eol", "ident", "working-tree-encoding"];

/** The attributes that the target would give those files once the change is in: its own rules, and those of the new tree. */
async function readAttributes(
  store: ChangeStore,
  head: string,
  changed: readonly Changed[],
  target: GitOptions,
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const scratch = join(store.gitDir, "attributes");
  mkdirSync(scratch, { recursive: true });
  try {
    const index = join(scratch, `index-${process.pid}`);
    const objects = { GIT_ALTERNATE_OBJECT_DIRECTORIES: quotedFolder(join(store.gitDir, "objects")) };
    const options: GitOptions = { ...target, env: { ...objects, GIT_INDEX_FILE: index }, config: ["core.bare=true"] };
    await git(["read-tree", head], options);
    const stdin = Buffer.concat(changed.flatMap(({ path }) => [path, NUL]));
    const { stdout } = await git(["check-attr", "--cached", "-z", "--stdin", ...ATTRIBUTES], { ...options, stdin });
    return byPath(splitNul(stdout));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const NUL = new Uint8Array(1);

function byPath(fields: readonly Uint8Array[]): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [path, name, value] = fields.slice(at, at + 3).map(key);
    if (path === undefined || name === undefined || value === undefined) continue;
    const known = found.get(path) ?? new Map<string, string>();
    found.set(path, known.set(name, value));
  }
  return found;
}

/** Bytes as characters, so that they can be a key whatever they are. */
function key(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

async function setting(target: GitOptions, name: string): Promise<boolean> {
  // Ours on the command line would win; what counts is what the user has set.
  const { stdout } = await git(["config", "--show-scope", "-z", "--get-all", name], { ...target, okExit: [0, 1] });
  const fields = splitNul(stdout).map((field) => new TextDecoder().decode(field));
  const own = fields.filter((_, at) => at % 2 === 1 && fields[at - 1] !== "command");
  return own.length > 0 && !/^(false|no|off|0|)$/i.test(own.at(-1) ?? "");
}
