/**
 * Which paths of a sandbox without git are ignored, as `git status` would say it there. The rules are read from the index of a scratch
 * repository, so that no `.gitignore` of the sandbox has to be written to this machine's disk.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandExecutor } from "../runtimes/contract.ts";
import { splitNul } from "./bytes.ts";
import type { CaptureQuestion } from "./capture-script.ts";
import type { ChangeStore } from "./capture-store.ts";
import { type GitOptions, git } from "./git.ts";

/** Paths are bytes as characters (latin1). */
export interface Rules {
  /** Path of each `.gitignore`, and the blob with its content. */
  readonly files: readonly { readonly path: string; readonly id: string }[];
  /** Rules from outside the tree. */
  readonly others: string;
}

/** Those of `paths` that are ignored. A path that ends with a slash is a folder. */
export async function checkIgnored(
  store: ChangeStore,
  scratch: string,
  rules: Rules,
  paths: readonly string[],
): Promise<string[]> {
  if (paths.length === 0) return [];
  const index = join(scratch, "rules-index");
  rmSync(index, { force: true });
  const excludes = join(scratch, "excludes");
  writeFileSync(excludes, rules.others);
  const options: GitOptions = {
    ...store.options,
    workTree: join(scratch, "empty"),
    config: [...(store.options.config ?? []), "core.bare=false", `core.excludesFile=${excludes}`],
    env: { GIT_INDEX_FILE: index },
  };
  // git takes a path for a folder where the index has something below it, and reads rules from entries that are not on disk on purpose.
  const folders = paths
    .filter((path) => path.endsWith("/"))
    .map((path) => `100644 ${EMPTY[store.base.objectFormat]} 0\t${path}.glue\0`);
  const files = rules.files.map(({ path, id }) => `100644 ${id} 0\t${path}\0`);
  await git(["update-index", "-z", "--index-info"], { ...options, stdin: latin1([...folders, ...files]) });
  const names = rules.files.map(({ path }) => `${path}\0`);
  if (names.length > 0)
    await git(["update-index", "--skip-worktree", "-z", "--stdin"], { ...options, stdin: latin1(names) });
  const asked = new Map(paths.map((path) => [question(path), path.replace(/\/$/, "")]));
  const stdin = latin1([...asked.keys()].map((path) => `${path}\0`));
  const { stdout } = await git(["check-ignore", "-z", "--stdin"], { ...options, stdin, okExit: [0, 1] });
  return splitNul(stdout).flatMap((path) => asked.get(Buffer.from(path).toString("latin1")) ?? []);
}

/**
 * What git is asked for a path. Rules are only read from the index where it counts as the index of the tree, and then what is in it is
 * never ignored: for a file with rules, a name beside it is asked for that all but a rule for exactly `.gitignore` would match too.
 */
function question(path: string): string {
  return /(^|\/)\.gitignore$/.test(path) ? `${path}x` : path.replace(/\/$/, "");
}

function latin1(lines: readonly string[]): Buffer {
  return Buffer.from(lines.join(""), "latin1");
}

const EMPTY = {
  sha1: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
  sha256: "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
} as const;

/** Folders, and the rules in the tree; without find in the sandbox there is no answer, and everything is sent. */
export const LOOK = `
cd "$GLUE_TREE" || exit 1
find . -name .git -prune -o -type d -print0 || exit 1
printf 'rules\\0'
find . -name .git -prune -o -name .gitignore -type f -exec sh -c 'for f; do printf "%s\\0" "$f"; wc -c <"$f"; printf "\\0"; cat "$f"; done' sh {} +`;

/**
 * The topmost folders that are ignored as a whole and hold nothing that the base tracks: those need not be sent at all.
 */
export async function ignoredFolders(
  executor: CommandExecutor,
  question: CaptureQuestion,
  store: ChangeStore,
  scratch: string,
  tracked: ReadonlySet<string>,
): Promise<string[]> {
  const { workspace } = question.base.sandbox;
  const running = await executor.run({ script: LOOK }, { cwd: workspace, env: { GLUE_TREE: workspace, LC_ALL: "C" } });
  const [stdout, , result] = await Promise.all([
    new Response(running.stdout).arrayBuffer(),
    new Response(running.stderr).arrayBuffer(),
    running.wait(),
  ]);
  if (result.exitCode !== 0) return [];
  const { folders, rules } = readLook(new Uint8Array(stdout));
  const files: { path: string; id: string }[] = [];
  for (const { path, content } of rules) {
    const { stdout: id } = await git(["hash-object", "-w", "--stdin"], { ...store.options, stdin: content });
    files.push({ path, id: new TextDecoder().decode(id).trim() });
  }
  const ignored = await checkIgnored(
    store,
    scratch,
    { files, others: question.base.ignoreRules },
    folders.map((path) => `${path}/`),
  );
  const all = new Set(ignored);
  const holding = foldersOf(tracked);
  return ignored.filter(
    (path) => !path.includes("\n") && !holding.has(path) && !parents(path).some((parent) => all.has(parent)),
  );
}

function readLook(bytes: Uint8Array) {
  const folders: string[] = [];
  const rules: { path: string; content: Uint8Array }[] = [];
  let at = 0;
  const field = () => {
    const end = bytes.indexOf(0, at);
    const text = Buffer.from(bytes.subarray(at, end === -1 ? bytes.length : end)).toString("latin1");
    at = end === -1 ? bytes.length : end + 1;
    return text;
  };
  for (let name = field(); at < bytes.length && name !== "rules"; name = field())
    if (name !== ".") folders.push(name.slice(2));
  while (at < bytes.length) {
    const path = field().slice(2);
    const size = Number(field());
    rules.push({ path, content: bytes.slice(at, at + size) });
    at += size;
  }
  return { folders, rules };
}

function parents(path: string): string[] {
  const found: string[] = [];
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) found.push(path.slice(0, at));
  return found;
}

function foldersOf(paths: ReadonlySet<string>): Set<string> {
  return new Set([...paths].flatMap(parents));
}
