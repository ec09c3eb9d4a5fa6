/**
 * Captures a workspace whose sandbox has no git: its tar sends the tree, which is read straight into git's object store here. Nothing
 * is unpacked, so no name in it can reach a file of this machine.
 */
import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ByteStream, CommandExecutor } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { streamOf } from "./byte-stream.ts";
import { splitNul } from "./bytes.ts";
import { checkIgnored, ignoredFolders } from "./capture-ignored.ts";
import type { CaptureQuestion, SandboxState } from "./capture-script.ts";
import { tooLarge } from "./capture-script.ts";
import { type ChangeStore, treeOf } from "./capture-store.ts";
import { readTar, type TarEntry } from "./capture-tar.ts";
import { type BaseEntry, Unchanged } from "./capture-unchanged.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import { GLUE_IDENTITY, pathBytes, pathText, REFS, UNCOMMITTED_WORK } from "./layout.ts";

/** A file or symbolic link that came over, by its path as characters that stand for bytes. */
interface Found {
  readonly mode: string;
  readonly id: string;
  readonly size: number;
}

interface Pass {
  /** Of all kinds; a tree has at least its top. */
  readonly entries: number;
  readonly files: ReadonlyMap<string, Found>;
  readonly warnings: readonly string[];
}

/** How often a tree that moves is read. */
const MOST_PASSES = 3;

/** Reads the tree until two passes agree, at most three times. Errors as `askSandbox`. */
export async function readArchive(
  executor: CommandExecutor,
  question: CaptureQuestion,
  store: ChangeStore,
): Promise<SandboxState> {
  const scratch = join(store.gitDir, `archive-${Bun.randomUUIDv7()}`);
  await mkdir(join(scratch, "empty"), { recursive: true });
  try {
    const base = await listBase(store);
    const unchanged = new Unchanged(base, store.base.objectFormat);
    let tree = "";
    for (let passes = 1; ; passes++) {
      const skipped = await ignoredFolders(executor, question, store, scratch, new Set(base.keys()));
      const take = (tar: ByteStream) => importTar(tar, store, scratch, { unchanged, last: passes === MOST_PASSES });
      const pass = await onePass(executor, question, skipped, take);
      const before = tree;
      tree = await treeFrom(pass, base, question, store, scratch);
      if (tree !== before && passes < MOST_PASSES) continue;
      const head = await commitFor(store, tree);
      return {
        tree,
        head,
        parent: store.base.commit,
        headRef: "none",
        git: "missing",
        refs: [],
        shallow: [],
        quiescent: tree === before,
        unreadable: [],
        warnings: pass.warnings,
        packSize: 0,
        pack: undefined,
      };
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The excludes go through a file: stdin may be a socket, which cannot be opened by a name. busybox may have no excludes at all. */
export const TAR = `
cd "$GLUE_TREE" || exit 9
list=\${TMPDIR:-/tmp}/.glue-excludes.$$
trap 'rm -f "$list"' EXIT
cat >"$list" || exit 9
if [ -s "$list" ] && tar -cf - -X "$list" "$list" >/dev/null 2>&1; then tar -cf - -X "$list" .; else tar -cf - .; fi`;

/** GNU tar's words for files that changed or vanished meanwhile (then it ends with 1): the next pass sees to those. */
const MOVED = /file changed as we read it|File removed before we read it|File shrank by/;

/** What tar says of things that are no files, and of names that it stores without their beginning. */
const HARMLESS = /socket ignored|unknown file type|Removing leading|removing leading|Exiting with failure status/;

/** One archive, which `take` reads into the store. */
async function onePass(
  executor: CommandExecutor,
  question: CaptureQuestion,
  skipped: readonly string[],
  take: (tar: ByteStream) => Promise<Pass>,
): Promise<Pass> {
  const running = await executor.run(
    { script: TAR },
    {
      cwd: question.base.sandbox.workspace,
      env: { GLUE_TREE: question.base.sandbox.workspace, LC_ALL: "C" },
      stdin: Buffer.from(skipped.map((path) => `${tarPattern(path)}\n`).join(""), "latin1"),
      ...(question.signal === undefined ? {} : { signal: question.signal }),
    },
  );
  const stderr = new Response(running.stderr).text();
  const pass = await take(running.stdout);
  const [said, result] = [await stderr, await running.wait()];
  if (result.outcome === "cancelled") throw new GlueError("cancelled", "The capture was interrupted.");
  // Whatever is not known to be harmless is a failure: a file that is missing from the archive would become a deletion.
  const bad = said.split("\n").filter((line) => line !== "" && !MOVED.test(line) && !HARMLESS.test(line));
  const moved = result.exitCode === 1 && MOVED.test(said);
  if (bad.length > 0 || (result.exitCode !== 0 && !moved) || pass.entries === 0) {
    const why = bad.length > 0 ? bad.slice(0, 5).join("; ") : `tar ended with ${result.exitCode}`;
    throw new GlueError("captureFailed", `The files in the sandbox cannot all be read: ${why}.`, {
      hint: "Make them readable inside (or delete them there, if that is meant), then capture again.",
    });
  }
  return pass;
}

/** A folder as a pattern of tar's exclude file. */
function tarPattern(path: string): string {
  return `./${path.replaceAll(/[\\*?[\]]/g, "\\$&")}`;
}

async function importTar(
  tar: ByteStream,
  store: ChangeStore,
  scratch: string,
  { unchanged, last }: { readonly unchanged: Unchanged; readonly last: boolean },
): Promise<Pass> {
  const marks = join(scratch, "marks");
  const entries: { path: string; mode: string; mark: number; size: number }[] = [];
  const byPath = new Map<string, number>();
  // By mark: of what git need not see.
  const known = new Map<number, string>();
  const warnings: string[] = [];
  let hidden = false;
  let count = 0;
  async function* language(): AsyncGenerator<Uint8Array> {
    for await (const entry of readTar(tar)) {
      count += 1;
      const path = Buffer.from(entry.path).toString("latin1");
      if (/(^|\/)\.git(\/|$)/i.test(path)) {
        hidden = true;
        continue;
      }
      if (entry.type === "other") warnings.push(`Left behind, because it is no file: ${pathText(entry.path)}`);
      if (entry.type === "folder" || entry.type === "other") continue;
      const target = entry.type === "hardlink" ? byPath.get(Buffer.from(entry.link).toString("latin1")) : undefined;
      const mark = target ?? entries.length + 1;
      if (target === undefined) {
        const { id, content } = entry.type === "file" ? await unchanged.look(path, entry, last) : {};
        if (id === undefined) yield* blob(entry, mark, content);
        else known.set(mark, id);
      }
      byPath.set(path, mark);
      entries.push({ path, mode: modeOf(entry), mark, size: entry.size });
    }
    yield Buffer.from("done\n");
  }
  const config = [...(store.options.config ?? []), "core.bigFileThreshold=32m", "pack.compression=1"];
  await git(["fast-import", "--quiet", "--done", `--export-marks=${marks}`], {
    ...store.options,
    config,
    stdin: streamOf(language()),
  });
  if (hidden)
    warnings.push("A .git that was made inside, without glue, was left behind: its commits are not in the patch.");
  const ids = await readMarks(marks);
  const files = new Map<string, Found>();
  for (const { path, mode, mark, size } of entries) {
    const id = known.get(mark) ?? ids.get(mark);
    if (id === undefined) throw new GlueError("captureFailed", `git did not take ${path}.`);
    files.set(path, { mode, id, size });
  }
  return { entries: count, files, warnings };
}

/** `content` where it was read already. */
async function* blob(entry: TarEntry, mark: number, content: Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  const size = entry.type === "symlink" ? entry.link.length : entry.size;
  yield Buffer.from(`blob\nmark :${mark}\ndata ${size}\n`);
  if (entry.type === "symlink") yield entry.link;
  else if (content === undefined) yield* entry.content();
  else yield content;
  yield Buffer.from("\n");
}

function modeOf({ type, mode }: TarEntry): string {
  if (type === "symlink") return "120000";
  return (mode & 0o100) === 0 ? "100644" : "100755";
}

async function readMarks(path: string): Promise<Map<number, string>> {
  const text = await Bun.file(path).text();
  return new Map([...text.matchAll(/^:(\d+) ([0-9a-f]+)$/gm)].map(([, mark, id]) => [Number(mark), id ?? ""]));
}

/** What counts of a pass: what the base tracks, and what no rule ignores; never what was opted in. */
async function treeFrom(
  pass: Pass,
  base: ReadonlyMap<string, BaseEntry>,
  question: CaptureQuestion,
  store: ChangeStore,
  scratch: string,
): Promise<string> {
  const opted = new Set(question.base.included.map((path) => Buffer.from(pathBytes(path)).toString("latin1")));
  const untracked = [...pass.files.keys()].filter((path) => !base.has(path) && !opted.has(path));
  const files = [...pass.files]
    .filter(([path]) => /(^|\/)\.gitignore$/.test(path))
    .map(([path, { id }]) => ({ path, id }));
  const rules = { files, others: question.base.ignoreRules };
  const ignored = new Set(await checkIgnored(store, scratch, rules, untracked));
  const fresh = untracked.filter((path) => !ignored.has(path));
  refuseTooMuch(fresh, pass, question.capBytes);
  const kept = [...fresh, ...[...base.keys()].filter((path) => pass.files.has(path))];
  const entries = kept.map((path) => {
    const { mode = "", id = "" } = pass.files.get(path) ?? {};
    return `${mode} ${id} 0\t${path}\0`;
  });
  // A submodule is an empty folder in such a sandbox; it stays what it was.
  const links = [...base].filter(([, { mode }]) => mode === "160000");
  refuseInside(
    links.map(([path]) => path),
    kept,
  );
  const modules = links.map(([path, { mode, id }]) => `${mode} ${id} 0\t${path}\0`);
  const options: GitOptions = { ...store.options, env: { GIT_INDEX_FILE: join(scratch, "index") } };
  rmSync(join(scratch, "index"), { force: true });
  await git(["update-index", "-z", "--index-info"], {
    ...options,
    stdin: Buffer.from([...entries, ...modules].join(""), "latin1"),
  });
  // The content of a large file may be here only after the next pass.
  return await gitText(["write-tree", "--missing-ok"], options);
}

/** A tree has no place for files below a submodule, and they must not be lost in silence. */
function refuseInside(modules: readonly string[], paths: readonly string[]): void {
  const module = modules.find((folder) => paths.some((path) => path.startsWith(`${folder}/`)));
  if (module === undefined) return;
  const name = pathText(Buffer.from(module, "latin1"));
  throw new GlueError(
    "captureFailed",
    `Files were made in ${name}, a submodule whose contents are not in the sandbox.`,
    {
      hint: "Move them elsewhere inside (or use an image with git, where submodules travel), then capture again.",
    },
  );
}

/** Everything in the base, by path. */
async function listBase(store: ChangeStore): Promise<Map<string, BaseEntry>> {
  const { stdout } = await git(["ls-tree", "-r", "-l", "-z", "--full-tree", store.base.tree], store.options);
  const found = new Map<string, BaseEntry>();
  for (const line of splitNul(stdout)) {
    const tab = line.indexOf(0x09);
    const [mode = "", , id = "", size] = Buffer.from(line.subarray(0, tab)).toString("latin1").split(/ +/);
    const entry = { mode, id, size: size === "-" ? undefined : Number(size) };
    found.set(Buffer.from(line.subarray(tab + 1)).toString("latin1"), entry);
  }
  return found;
}

function refuseTooMuch(fresh: readonly string[], pass: Pass, capBytes: number): void {
  const sums = new Map<string, number>();
  let total = 0;
  for (const path of fresh) {
    const size = pass.files.get(path)?.size ?? 0;
    const top = path.includes("/") ? path.slice(0, path.indexOf("/") + 1) : path;
    sums.set(top, (sums.get(top) ?? 0) + size);
    total += size;
  }
  if (total <= capBytes) return;
  const largest = [...sums].toSorted(([, one], [, two]) => two - one).slice(0, 10);
  throw tooLarge([
    `${total} total`,
    ...largest.map(([name, size]) => `${size} ${Buffer.from(name, "latin1").toString()}`),
  ]);
}

/** The commit for a tree: the base, the last one where nothing changed since, or a new one. */
async function commitFor(store: ChangeStore, tree: string): Promise<string> {
  if (tree === store.base.tree) return store.base.commit;
  const last = store.bundle?.refs.find(({ name }) => name === REFS.captured)?.id;
  if (last !== undefined && (await treeOf(store.options, last)) === tree) return last;
  const { name, email } = GLUE_IDENTITY;
  const env = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
  return await gitText(["commit-tree", tree, "-p", store.base.commit], {
    ...store.options,
    env,
    stdin: `${UNCOMMITTED_WORK}\n`,
  });
}
