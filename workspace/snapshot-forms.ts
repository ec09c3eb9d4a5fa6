/**
 * What the repository would hold for a file on disk. What git converts by itself (line endings, `$Id$`, encodings) is worked out
 * by git, in a git directory that knows the user's attributes but none of the user's filters. What a filter would make of a file
 * is known only while the user's own index vouches for it.
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { isGlueError } from "../spec/glue-error.ts";
import { splitNul } from "./bytes.ts";
import { type GitOptions, git } from "./git.ts";
import { lstatIfThere, pathBelow } from "./host-file.ts";
import type { PrivateIndex } from "./snapshot-index.ts";
import type { UserRepository } from "./snapshot-repository.ts";
import { type Store, scratchPath } from "./snapshot-store.ts";
import { nulList } from "./snapshot-tracked.ts";
import type { ConvertedPath } from "./snapshot-types.ts";

export type Side = { readonly mode: string; readonly id: string } | null;

/** A path whose raw content is not HEAD's. */
export interface Change {
  readonly path: Uint8Array;
  readonly raw: Side;
  readonly head: Side;
}

export interface GitForm {
  readonly why: Exclude<ConvertedPath["why"], "missing">;
  readonly git: Side;
}

/** Where the forms are worked out. `index` holds what is on disk. */
export interface FormsPlace {
  readonly store: Store;
  readonly index: PrivateIndex;
  readonly repository: UserRepository;
}

/** The forms of those paths that are converted, by path with its bytes as characters. All of `changes` are on disk. */
export async function gitForms(place: FormsPlace, changes: readonly Change[]): Promise<Map<string, GitForm>> {
  const { store, repository } = place;
  const forms = new Map<string, GitForm>();
  if (changes.length === 0 || !(await mayConvert(place))) return forms;
  const attributes = await readAttributes(repository, changes);
  const filtered = changes.filter((change) => whyOf(change, attributes, repository) === "filter");
  const builtIn = changes.filter((change) => !["filter", undefined].includes(whyOf(change, attributes, repository)));
  const vouched = filtered.length === 0 ? new Map<string, Side>() : await indexVouches(repository);
  for (const change of filtered) {
    forms.set(key(change.path), { why: "filter", git: vouched.get(key(change.path)) ?? null });
  }
  const converted = builtIn.length === 0 ? new Map<string, Side>() : await convert(store, repository, builtIn);
  for (const change of builtIn) {
    const why = whyOf(change, attributes, repository);
    const git = converted.get(key(change.path)) ?? null;
    if (why !== undefined && git?.id !== change.raw?.id) forms.set(key(change.path), { why, git });
  }
  return forms;
}

function key(path: Uint8Array): string {
  return Buffer.from(path).toString("latin1");
}

/** Whether anything at all asks git to convert; most repositories end here. */
async function mayConvert({ index, repository }: FormsPlace): Promise<boolean> {
  if (repository.config.has("core.autocrlf") && !isFalse(repository.config.get("core.autocrlf"))) return true;
  if (attributeFiles(repository).some((file) => existsSync(file))) return true;
  const { stdout } = await git(["ls-files", "-z", "--", ":(glob)**/.gitattributes"], index.options);
  return stdout.length > 0;
}

function isFalse(value: string | undefined): boolean {
  return value === undefined || /^(false|no|off|0|)$/i.test(value);
}

/** Where attributes come from beside the tree. */
function attributeFiles(repository: UserRepository): string[] {
  return [userAttributes(repository), join(repository.commonDir, "info", "attributes"), "/etc/gitattributes"];
}

function userAttributes(repository: UserRepository): string {
  const env = repository.options.hostEnv ?? process.env;
  const home = env.HOME ?? homedir();
  const named = repository.config.get("core.attributesfile");
  if (named !== undefined) return named.startsWith("~/") ? join(home, named.slice(2)) : resolve(repository.top, named);
  return join(env.XDG_CONFIG_HOME || join(home, ".config"), "git", "attributes");
}

const ATTRIBUTES = ["text", "crlf", "eol", "ident", "filter", "working-tree-encoding"];
type Attributes = ReadonlyMap<string, string>;

async function readAttributes(
  repository: UserRepository,
  changes: readonly Change[],
): Promise<ReadonlyMap<string, Attributes>> {
  const stdin = nulList(changes.map(({ path }) => path));
  const { stdout } = await git(["check-attr", "-z", "--stdin", ...ATTRIBUTES], { ...repository.options, stdin });
  const fields = splitNul(stdout);
  const found = new Map<string, Map<string, string>>();
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [path, name, value] = fields.slice(at, at + 3);
    if (path === undefined) continue;
    const known = found.get(key(path)) ?? new Map<string, string>();
    found.set(key(path), known.set(text(name), text(value)));
  }
  return found;
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

/** By which rule git would convert a path; undefined where it would not. As gitattributes(5) says. */
function whyOf(
  { path, raw }: Change,
  attributes: ReadonlyMap<string, Attributes>,
  { config }: UserRepository,
): GitForm["why"] | undefined {
  if (raw === null || !raw.mode.startsWith("100")) return undefined;
  const value = (name: string): string => attributes.get(key(path))?.get(name) ?? "unspecified";
  const isSet = (name: string): boolean => !["unspecified", "unset"].includes(value(name));
  const driver = value("filter");
  if (isSet("filter") && (config.has(`filter.${driver}.clean`) || config.has(`filter.${driver}.process`)))
    return "filter";
  if (isSet("working-tree-encoding")) return "encoding";
  if (value("ident") === "set") return "ident";
  if (value("text") === "unset" || (value("text") === "unspecified" && value("crlf") === "unset")) return undefined;
  const asked = isSet("text") || isSet("crlf") || isSet("eol") || !isFalse(config.get("core.autocrlf"));
  return asked ? "eol" : undefined;
}

/**
 * The git form of every path whose file is, by its size and times, still the one that the user's index was made from. Files that
 * changed as late as the index itself, or that are marked as assumed unchanged, are not vouched for.
 */
async function indexVouches(repository: UserRepository): Promise<Map<string, Side>> {
  const vouched = new Map<string, Side>();
  const indexFile = statSync(join(repository.gitDir, "index"), { bigint: true, throwIfNoEntry: false });
  if (indexFile === undefined) return vouched;
  const { stdout } = await git(["ls-files", "--stage", "--debug", "-z"], repository.options);
  for (const { entry, path, mtimeNs, size, flags } of debugEntries(stdout)) {
    const [mode = "", id = "", stage] = entry.split(" ");
    if (stage !== "0" || flags !== 0 || mtimeNs >= indexFile.mtimeNs) continue;
    const full = pathBelow(repository.top, path);
    const file =
      lstatIfThere(full) === undefined ? undefined : lstatSync(full, { bigint: true, throwIfNoEntry: false });
    // The index keeps the lower 32 bits of a size.
    if (file?.isFile() && file.mtimeNs === mtimeNs && (file.size & 0xffffffffn) === size)
      vouched.set(key(path), { mode, id });
  }
  return vouched;
}

/** `ls-files --stage --debug -z`: an entry as without `--debug`, NUL, and five indented lines. */
function* debugEntries(listing: Uint8Array) {
  for (let from = 0; from < listing.length; ) {
    const nul = listing.indexOf(0, from);
    const tab = listing.indexOf(0x09, from);
    let end = nul + 1;
    for (let line = 0; line < 5; line++) end = listing.indexOf(0x0a, end) + 1;
    const stat = text(listing.subarray(nul + 1, end));
    const [, seconds = "0", nanos = "0"] = /mtime: (\d+):(\d+)/.exec(stat) ?? [];
    yield {
      entry: text(listing.subarray(from, tab)),
      path: listing.subarray(tab + 1, nul),
      mtimeNs: BigInt(seconds) * 1_000_000_000n + BigInt(nanos),
      size: BigInt(/size: (\d+)/.exec(stat)?.[1] ?? "0"),
      flags: Number.parseInt(/flags: ([0-9a-f]+)/.exec(stat)?.[1] ?? "0", 16),
    };
    from = end;
  }
}

/** Lets git convert the files into an index of its own and reads the ids there; null where git cannot (a broken encoding). */
async function convert(
  store: Store,
  repository: UserRepository,
  changes: readonly Change[],
): Promise<Map<string, Side>> {
  const gitDir = scratchPath(store, "forms");
  try {
    const options = makeConverter(gitDir, store, repository);
    // Whether `text=auto` converts depends on what the index holds.
    const paths = nulList(changes.map(({ path }) => path));
    const known = await git(["ls-files", "--stage", "-z"], repository.options);
    await git(["update-index", "-z", "--index-info"], { ...options, stdin: known.stdout });
    await git(["update-index", "--add", "--remove", "--replace", "-z", "--stdin"], { ...options, stdin: paths });
    const { stdout } = await git(["ls-files", "--stage", "-z"], options);
    const asked = new Set(changes.map(({ path }) => key(path)));
    const forms = new Map<string, Side>();
    for (const entry of splitNul(stdout)) {
      const tab = entry.indexOf(0x09);
      const path = key(entry.subarray(tab + 1));
      const [mode = "", id = ""] = text(entry.subarray(0, tab)).split(" ");
      if (asked.has(path)) forms.set(path, { mode, id });
    }
    return forms;
  } catch (error) {
    if (!isGlueError(error, "gitFailed")) throw error;
    // A file that is not in the encoding it is said to be in: nobody knows its form until it lands.
    return new Map();
  } finally {
    rmSync(gitDir, { recursive: true, force: true });
  }
}

const CONVERSION_KEYS = ["core.autocrlf", "core.eol", "core.filemode", "core.symlinks", "core.ignorecase"];

/** A git directory with the user's attributes and without filters, whose objects are the store's. */
function makeConverter(gitDir: string, store: Store, repository: UserRepository): GitOptions {
  for (const folder of ["refs", "info", "objects"]) mkdirSync(join(gitDir, folder), { recursive: true, mode: 0o700 });
  const sha256 = store.objectFormat === "sha256";
  const format = `[core]\n\trepositoryformatversion = ${sha256 ? 1 : 0}\n`;
  writeFileSync(join(gitDir, "HEAD"), "ref: refs/heads/none\n");
  writeFileSync(join(gitDir, "config"), `${format}${sha256 ? "[extensions]\n\tobjectformat = sha256\n" : ""}`);
  const own = join(repository.commonDir, "info", "attributes");
  writeFileSync(join(gitDir, "info", "attributes"), existsSync(own) ? readFileSync(own) : "");
  const inherited = CONVERSION_KEYS.flatMap((name) => {
    const value = repository.config.get(name);
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return {
    ...store.options,
    gitDir,
    config: [
      ...(store.options.config ?? []),
      "core.safecrlf=false",
      `core.attributesFile=${userAttributes(repository)}`,
      ...inherited,
    ],
    env: { GIT_OBJECT_DIRECTORY: join(store.gitDir, "objects") },
  };
}
