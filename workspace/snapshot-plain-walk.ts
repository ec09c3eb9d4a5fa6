/**
 * Walks a tree on a host without git and chooses what travels: what is tracked, what is not ignored, what is opted in. Paths are
 * text in which a character stands for a byte (latin1), because names need not be UTF-8 and git's rules compare bytes.
 */
import { type Dirent, readdirSync, readFileSync } from "node:fs";
import ignore, { type Ignore } from "ignore";
import { INCLUDE_FILE } from "./include.ts";
import { pathText } from "./layout.ts";
import type { LeftOut } from "./snapshot-types.ts";

export interface PlainWalk {
  readonly files: readonly string[];
  readonly included: readonly string[];
  /** Folders with a repository of their own. */
  readonly nested: readonly string[];
  readonly leftOut: LeftOut;
}

export interface PlainWalkInput {
  readonly top: string;
  /** Rules that do not travel in the tree, the stronger last. */
  readonly ignoreRules: Uint8Array;
  /** Paths that travel whatever the rules say. */
  readonly tracked: readonly string[];
}

const EXAMPLES = 20;
const LIST_LIMIT = 1_000;

/** Walks the tree from its top. */
export function walkPlain(input: PlainWalkInput): PlainWalk {
  const walker = new Walker(input);
  walker.folder("", false);
  const { ignoredFiles, ignoredFolders, special, empty, unreadable } = walker;
  const text = (path: string): string => pathText(Buffer.from(path, "latin1"));
  return {
    files: walker.files,
    included: walker.included,
    nested: walker.nested,
    leftOut: {
      ignored: {
        files: ignoredFiles.length,
        folders: ignoredFolders.length,
        examples: [...ignoredFolders, ...ignoredFiles].slice(0, EXAMPLES).map(text),
      },
      special: special.slice(0, LIST_LIMIT).map(({ path, kind }) => ({ path: text(path), kind })),
      unreadable: unreadable.slice(0, LIST_LIMIT).map(text),
      emptyFolders: { count: empty.length, paths: empty.slice(0, LIST_LIMIT).map(text) },
      sparse: { count: 0, paths: [] },
    },
  };
}

class Walker {
  readonly files: string[] = [];
  readonly included: string[] = [];
  readonly nested: string[] = [];
  readonly ignoredFiles: string[] = [];
  readonly ignoredFolders: string[] = [];
  readonly special: LeftOut["special"][number][] = [];
  readonly empty: string[] = [];
  readonly unreadable: string[] = [];
  readonly #top: string;
  readonly #rules: Ignore = ignore({ ignorecase: false });
  readonly #optIn: Ignore | undefined;
  readonly #tracked: ReadonlySet<string>;
  /** Folders with a tracked file somewhere below. */
  readonly #trackedFolders = new Set<string>();

  constructor({ top, ignoreRules, tracked }: PlainWalkInput) {
    this.#top = top;
    this.#rules.add(rulesIn("", Buffer.from(ignoreRules).toString("latin1")));
    const optIn = readRules(top, INCLUDE_FILE);
    this.#optIn = optIn === undefined ? undefined : ignore({ ignorecase: false }).add(rulesIn("", optIn));
    this.#tracked = new Set(tracked);
    for (const path of tracked) {
      for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
        if (this.#trackedFolders.has(path.slice(0, slash))) break;
        this.#trackedFolders.add(path.slice(0, slash));
      }
    }
  }

  /** `ignored`: by a rule for the folder itself, so that only tracked and opted-in files in it travel. */
  folder(path: string, ignored: boolean): void {
    const entries = this.#read(path);
    if (entries === undefined) return;
    if (entries.length === 0 && path !== "" && !ignored) this.empty.push(path);
    const prefix = path === "" ? "" : `${path}/`;
    if (!ignored && entries.some(({ name }) => name === ".gitignore")) {
      this.#rules.add(rulesIn(path, readRules(this.#top, `${prefix}.gitignore`) ?? ""));
    }
    for (const { name, entry } of entries) {
      if (name === ".git") continue;
      if (entry.isDirectory()) this.#subfolder(`${prefix}${name}`, ignored);
      else this.#file(`${prefix}${name}`, entry, ignored);
    }
  }

  #subfolder(path: string, parentIgnored: boolean): void {
    const ignored = parentIgnored || this.#rules.ignores(`${path}/`);
    if (this.#isRepository(path)) {
      if (!ignored || this.#trackedFolders.has(path)) this.nested.push(path);
      return;
    }
    const needed = this.#trackedFolders.has(path) || this.#optIn !== undefined;
    if (ignored && !parentIgnored && !this.#trackedFolders.has(path)) this.ignoredFolders.push(`${path}/`);
    if (!ignored || needed) this.folder(path, ignored);
  }

  #file(path: string, entry: Dirent, folderIgnored: boolean): void {
    const kind = specialKind(entry);
    if (kind !== undefined) {
      if (!folderIgnored) this.special.push({ path, kind });
    } else if (this.#tracked.has(path) || !(folderIgnored || this.#rules.ignores(path))) {
      this.files.push(path);
    } else if (this.#optIn?.ignores(path)) {
      this.included.push(path);
    } else if (!folderIgnored) {
      this.ignoredFiles.push(path);
    }
  }

  #isRepository(path: string): boolean {
    return this.#read(path, true)?.some(({ name }) => name === ".git") ?? false;
  }

  #read(path: string, quiet = false): { name: string; entry: Dirent }[] | undefined {
    const folder = Buffer.concat([Buffer.from(`${this.#top}/`), Buffer.from(path, "latin1")]);
    try {
      const names = readdirSync(folder, { encoding: "buffer" });
      const entries = readdirSync(folder, { withFileTypes: true });
      return entries.map((entry, at) => ({ name: (names[at] ?? Buffer.from(entry.name)).toString("latin1"), entry }));
    } catch {
      // Said in the list of what was left out; a folder that vanished meanwhile is named there as well.
      if (!quiet) this.unreadable.push(`${path}/`);
      return undefined;
    }
  }
}

function specialKind(entry: Dirent): "socket" | "fifo" | "device" | undefined {
  if (entry.isFIFO()) return "fifo";
  if (entry.isSocket()) return "socket";
  return entry.isBlockDevice() || entry.isCharacterDevice() ? "device" : undefined;
}

function readRules(top: string, path: string): string | undefined {
  try {
    const text = readFileSync(Buffer.concat([Buffer.from(`${top}/`), Buffer.from(path, "latin1")])).toString("latin1");
    return text.startsWith("\xef\xbb\xbf") ? text.slice(3) : text;
  } catch {
    // Missing or not readable: git goes on without it as well.
    return undefined;
  }
}

/**
 * The rules of an ignore file in `folder` as rules of the top. All rules are kept in one list, because a folder that one file
 * ignores and another takes back counts only as a whole.
 */
export function rulesIn(folder: string, text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (folder === "") return lines;
  const escaped = folder.replace(/[\\*?[\]!# ]/g, "\\$&");
  return lines.map((line) => {
    const negative = line.startsWith("!");
    const rule = negative ? line.slice(1) : line;
    const anchored = rule.replace(/\/\s*$/, "").includes("/");
    const below = anchored ? rule.replace(/^\//, "") : `**/${rule}`;
    return `${negative ? "!" : ""}/${escaped}/${below}`;
  });
}
