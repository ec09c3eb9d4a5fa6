/** What glue needs to know of the user's repository. Everything here only reads. */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { concat, splitNul } from "./bytes.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

export type HostEnv = Readonly<Record<string, string | undefined>>;

/** The user's repository as it is now. Paths are absolute. */
export interface UserRepository {
  readonly top: string;
  /** The git directory of this working tree (a linked worktree's own). */
  readonly gitDir: string;
  readonly commonDir: string;
  readonly objectFormat: ObjectFormat;
  readonly objectDir: string;
  readonly head: string | null;
  readonly headTree: string | null;
  readonly headRef: string | null;
  /** The user's settings; keys in lower case but for the subsection, the last value of a key. */
  readonly config: ReadonlyMap<string, string>;
  /** `core.excludesFile` and `info/exclude` as one exclude file, the stronger rules last. */
  readonly ignoreRules: Uint8Array;
  /** How git reads it with the user's own configuration. */
  readonly options: GitOptions;
}

/**
 * The git directory that `top/.git` names, or undefined where `top` is no working tree.
 * @throws GlueError `bareRepository` where `top` is itself a git directory.
 */
export function gitDirOf(top: string): string | undefined {
  const dotGit = join(top, ".git");
  const stat = statSync(dotGit, { throwIfNoEntry: false });
  if (stat?.isDirectory() && existsSync(join(dotGit, "HEAD"))) return dotGit;
  if (stat?.isFile()) {
    const target = /^gitdir: (.+)/.exec(readFileSync(dotGit, "utf8"))?.[1]?.trimEnd();
    if (target !== undefined && existsSync(join(resolve(top, target), "HEAD"))) return resolve(top, target);
  }
  if (["HEAD", "objects", "refs"].every((name) => existsSync(join(top, name)))) {
    throw new GlueError("bareRepository", `${top} is a bare repository: it has no files to work on.`, {
      hint: "Use a clone of it, or a worktree: git worktree add.",
    });
  }
  return undefined;
}

/** How git reads the user's repository: with the user's own configuration, and writing nothing. */
export function userGit(top: string, gitDir: string, hostEnv?: HostEnv): GitOptions {
  return { gitDir, workTree: top, userConfig: true, ...(hostEnv === undefined ? {} : { hostEnv }) };
}

/** Reads the repository at `top`. `gitFailed` where git cannot read it. */
export async function readRepository(top: string, gitDir: string, hostEnv?: HostEnv): Promise<UserRepository> {
  const options = userGit(top, gitDir, hostEnv);
  const [places, ids, headRef, config] = await Promise.all([
    gitText(["rev-parse", "--show-object-format", "--git-common-dir", "--git-path", "objects"], options),
    gitText(["rev-parse", "--revs-only", "HEAD^{commit}", "HEAD^{tree}"], options),
    git(["symbolic-ref", "--quiet", "HEAD"], { ...options, okExit: [0, 1] }),
    readConfig(options),
  ]);
  const [format, common = ".", objects = "objects"] = places.split("\n");
  const [head = "", headTree = ""] = ids.split("\n");
  const ref = new TextDecoder().decode(headRef.stdout).trim();
  const commonDir = resolve(top, common);
  // git reads that setting for the main working tree alone.
  if (commonDir === resolve(top, gitDir)) refuseOtherTree(top, gitDir, config);
  return {
    top,
    gitDir,
    commonDir,
    objectFormat: format === "sha256" ? "sha256" : "sha1",
    objectDir: resolve(top, objects),
    head: head === "" ? null : head,
    headTree: headTree === "" ? null : headTree,
    headRef: ref === "" ? null : ref,
    config,
    ignoreRules: readIgnoreRules(top, commonDir, config, hostEnv ?? process.env),
    options,
  };
}

/** Where git's own idea of the working tree is another folder, nobody could tell which of the two is meant. */
function refuseOtherTree(top: string, gitDir: string, config: ReadonlyMap<string, string>): void {
  const named = config.get("core.worktree");
  if (named === undefined) return;
  const meant = resolve(gitDir, named);
  if (existsSync(meant) && realpathSync(meant) === realpathSync(top)) return;
  throw new GlueError(
    "snapshotFailed",
    `The repository at ${top} keeps its files elsewhere: core.worktree is ${meant}.`,
    {
      hint: "Make a worktree that glue can start from: git worktree add FOLDER.",
    },
  );
}

/** The user's settings without those that glue gives on the command line; keys as in `UserRepository`. */
export async function readConfig(options: GitOptions): Promise<Map<string, string>> {
  const { stdout } = await git(["config", "--list", "-z", "--show-scope"], options);
  const config = new Map<string, string>();
  const fields = splitNul(stdout).map((field) => new TextDecoder().decode(field));
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const entry = fields[at + 1] ?? "";
    if (fields[at] === "command") continue;
    const newline = entry.indexOf("\n");
    // A key alone, without "=", means true.
    if (newline === -1) config.set(entry, "true");
    else config.set(entry.slice(0, newline), entry.slice(newline + 1));
  }
  return config;
}

/** The rules that ignore files and do not travel in the tree, as git reads them: the stronger last. */
export function readIgnoreRules(
  top: string,
  commonDir: string,
  config: ReadonlyMap<string, string>,
  env: HostEnv,
): Uint8Array {
  const files = [excludesFile(top, config, env), join(commonDir, "info", "exclude")];
  return concat(files.flatMap((file) => (file === undefined ? [] : [rulesOf(file), NEWLINE])));
}

const NEWLINE = new TextEncoder().encode("\n");
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

function rulesOf(file: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch {
    // Missing or not readable: git goes on without it as well.
    return new Uint8Array(0);
  }
  // git skips it at the start of a file; joined to another it would become part of a rule.
  return BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte) ? bytes.subarray(3) : bytes;
}

/** As git-config(1) on core.excludesFile says. */
function excludesFile(top: string, config: ReadonlyMap<string, string>, env: HostEnv): string | undefined {
  const home = env.HOME ?? homedir();
  const named = config.get("core.excludesfile");
  if (named !== undefined) return named.startsWith("~/") ? join(home, named.slice(2)) : resolve(top, named);
  return join(env.XDG_CONFIG_HOME || join(home, ".config"), "git", "ignore");
}

/** A remote as the user's configuration has it; its URL may hold credentials. */
export interface Remote {
  readonly name: string;
  readonly url: string;
}

/** The remote that HEAD's branch follows, else `origin`, else the only one. */
export function chooseRemote(config: ReadonlyMap<string, string>, headRef: string | null): Remote | undefined {
  const remotes = [...config].flatMap(([key, url]) => {
    const name = /^remote\.(.*)\.url$/s.exec(key)?.[1];
    return name === undefined ? [] : [{ name, url }];
  });
  const followed = headRef === null ? undefined : config.get(`branch.${headRef.replace("refs/heads/", "")}.remote`);
  return (
    remotes.find(({ name }) => name === followed) ??
    remotes.find(({ name }) => name === "origin") ??
    (remotes.length === 1 ? remotes[0] : undefined)
  );
}

/** A remote's URL without what could be a secret. Paths and `user@host:path` are returned as they are. */
export function withoutCredentials(url: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url;
  try {
    const parsed = new URL(url);
    if (/^https?:$/.test(parsed.protocol)) parsed.username = "";
    parsed.password = "";
    parsed.search = "";
    return parsed.href;
  } catch {
    return url.replace(/\/\/[^/]*@/, "//");
  }
}
