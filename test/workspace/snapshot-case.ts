/** A user's repository in a temporary folder, its snapshot, and what must be true of every snapshot. */
import { expect } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { lstatIfThere, pathBelow } from "../../workspace/host-file.ts";
import { pathText } from "../../workspace/layout.ts";
import { prepareSnapshot, type ReadyTree } from "../../workspace/snapshot-prepare.ts";
import { tempDir } from "../support/temp-dir.ts";
import { PLAIN_ENV, sh } from "./hand-stage.ts";

export interface Case {
  readonly root: string;
  /** Where the tree is; a repository unless the case says otherwise. */
  readonly user: string;
  readonly home: string;
  readonly env: Record<string, string>;
  /** Runs a script there, as the user would. */
  here(script: string): string;
}

/** `make` runs in `user`, an empty folder. HOME is a folder of the case. */
export function makeCase(make: string): Case {
  const root = tempDir();
  const env = { ...PLAIN_ENV, HOME: join(root, "home"), GIT_TEMPLATE_DIR: join(root, "template") };
  const made = { root, user: join(root, "user"), home: join(root, "glue"), env };
  // An `info` folder is all that repositories need of a template here.
  const template = join(root, "template");
  for (const folder of [made.user, made.home, env.HOME, join(template, "info")]) mkdirSync(folder, { recursive: true });
  const here = (script: string) => sh(made.user, script, env);
  here(make);
  return { ...made, here };
}

export interface Taken extends ReadyTree {
  readonly sessionDir: string;
  /** What the bundle holds, by path: `mode id`. */
  readonly tree: ReadonlyMap<string, string>;
  /** The same of the opted-in files. */
  readonly include: ReadonlyMap<string, string>;
  /** A git directory that has nothing but the bundle. */
  readonly gitDir: string;
}

let sessions = 0;

/** Takes a snapshot as a session does, and proves that the user's repository is the same afterwards. */
export async function take(of: Case, options: { subfolder?: string; top?: string } = {}): Promise<Taken> {
  const top = options.top ?? of.user;
  const sessionDir = join(of.root, `session-${++sessions}`);
  mkdirSync(sessionDir);
  const before = print(of.user);
  const tree = { top, subfolder: options.subfolder ?? "", outsideGitDirs: [] };
  const prepared = prepareSnapshot(tree, { glueHome: of.home, sessionDir, hostEnv: of.env });
  const ready = await prepared.ready;
  expect(print(of.user)).toBe(before);
  if (ready === undefined) throw new Error("the snapshot was taken without git");
  const { base, includeCommit } = ready.taken.snapshot;
  const gitDir = join(sessionDir, "check");
  const fetch = `git init -q --bare --object-format=${base.objectFormat} check && echo ${base.commit} >check/shallow
    git --git-dir=check fetch -q ../${sessionDir.split("/").at(-1)}/base.bundle 'refs/*:refs/*'
    git --git-dir=check fsck --full --strict --no-dangling 2>&1 | sed '/^notice: /d'
    git --git-dir=check rev-parse refs/glue/base refs/glue/base^{tree}`;
  expect(sh(sessionDir, fetch)).toBe(`${base.commit}\n${base.tree}`);
  const include = includeCommit === null ? new Map<string, string>() : listTree(gitDir, includeCommit);
  return { ...ready, sessionDir, gitDir, tree: listTree(gitDir, base.commit), include };
}

/**
 * All that can be seen of a folder: names, kinds, modes, times, targets, contents. git freshens the times of packs, objects and
 * shared indexes that it reads, so those do not count.
 */
export function print(top: string): string {
  const lines: string[] = [];
  const walk = (path: Buffer): void => {
    const full = pathBelow(top, path);
    const stat = lstatSync(full, { bigint: true });
    const name = path.toString("latin1");
    const timed = !/(^|\/)\.git\/(modules\/.*\/)?(objects(\/|$)|sharedindex)/.test(name);
    const content = stat.isSymbolicLink() ? readlinkSync(full, "latin1") : stat.isFile() ? hashOf(full) : "";
    lines.push(`${name}|${stat.mode.toString(8)}|${timed ? stat.mtimeNs : ""}|${content}`);
    if (!stat.isDirectory()) return;
    for (const entry of readdirSync(full, { encoding: "buffer" }).sort(Buffer.compare)) {
      walk(path.length === 0 ? entry : Buffer.concat([path, Buffer.from("/"), entry]));
    }
  };
  walk(Buffer.alloc(0));
  return lines.join("\n");
}

function hashOf(path: Buffer): string {
  return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
}

function listTree(gitDir: string, commit: string): Map<string, string> {
  const listed = Bun.spawnSync(["git", `--git-dir=${gitDir}`, "ls-tree", "-r", "-z", commit], { env: PLAIN_ENV });
  const text = listed.stdout.toString("latin1");
  return new Map(
    text
      .split("\0")
      .filter((line) => line !== "")
      .map((line) => {
        const [mode, , id] = line.split(/[ \t]/, 3);
        return [pathText(Buffer.from(line.slice(line.indexOf("\t") + 1), "latin1")), `${mode} ${id}`];
      }),
  );
}

/** What git should hold for a path, worked out without git. */
export function onDisk(top: string, path: string | Uint8Array, format: "sha1" | "sha256" = "sha1"): string {
  const full = Buffer.concat([Buffer.from(`${top}/`), Buffer.from(path)]);
  const stat = lstatSync(full);
  const content = stat.isSymbolicLink() ? readlinkSync(full, { encoding: "buffer" }) : readFileSync(full);
  const hasher = new Bun.CryptoHasher(format).update(`blob ${content.length}\0`).update(content);
  const mode = stat.isSymbolicLink() ? "120000" : stat.mode & 0o100 ? "100755" : "100644";
  return `${mode} ${hasher.digest("hex")}`;
}

/** Proves that the snapshot is what `git status` knows of: tracked and untracked, byte for byte. */
export function expectExact(of: Case, taken: Taken, top = of.user): void {
  const list = "git ls-files -z -c; git ls-files -z -o --exclude-standard";
  const ran = Bun.spawnSync(["sh", "-c", list], { cwd: top, env: of.env });
  const expected = new Map<string, string>();
  for (const name of ran.stdout.toString("latin1").split("\0")) {
    const bytes = Buffer.from(name, "latin1");
    const stat = lstatIfThere(pathBelow(top, bytes));
    if (name !== "" && stat !== undefined && !stat.isDirectory()) {
      expected.set(pathText(bytes), onDisk(top, bytes, taken.taken.snapshot.base.objectFormat));
    }
  }
  const plain = [...taken.tree].filter(([, entry]) => !entry.startsWith("160000"));
  expect(Object.fromEntries(plain)).toEqual(Object.fromEntries(expected));
}
