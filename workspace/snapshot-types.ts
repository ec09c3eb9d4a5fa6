/**
 * What a snapshot is, and what of it the rest of a session needs. All of it is plain JSON: it is kept in meta.json. Paths are
 * relative to the top of the tree and written by `pathText`; read them with `pathBytes`.
 */

export type ObjectFormat = "sha1" | "sha256";

/** The ways a tree gets into a sandbox. */
export type Strategy = "resume" | "bundle" | "clone" | "chunked" | "archive";

/** The commit that a session starts from. */
export interface BaseCommit {
  readonly commit: string;
  /** Its tree, raw: every blob is the bytes on disk. */
  readonly tree: string;
  /** The commit's only parent: HEAD of that time when there was uncommitted work, null where the base is HEAD itself or a root. */
  readonly parent: string | null;
  readonly objectFormat: ObjectFormat;
}

/**
 * A path whose bytes on disk are not what the repository holds. `git` is what the repository holds for the content on disk: null
 * where only the repository's own filter can tell (a changed file under a filter).
 */
export interface ConvertedPath {
  readonly path: string;
  /** `missing`: the repository has the path, the disk has not (sparse checkout, skip-worktree). */
  readonly why: "filter" | "eol" | "ident" | "encoding" | "missing";
  readonly raw: { readonly mode: string; readonly id: string } | null;
  readonly git: { readonly mode: string; readonly id: string } | null;
}

/** What the contents of a repository inside the tree travel as. */
export interface UnitBase {
  /** Where its files lie, below those of the repository around it: in the session's folder, and in glue's private one in the sandbox. */
  readonly folder: string;
  readonly commit: string;
  readonly tree: string;
  /** Whether it had anything uncommitted. */
  readonly dirty: boolean;
}

/** A repository inside the tree. Its contents are a unit of their own, there and back. */
export interface NestedUnit {
  readonly path: string;
  readonly kind: "submodule" | "embedded";
  /** The commit that the outer repository names (submodule), else null. */
  readonly recorded: string | null;
  /** The commit that is checked out there; null where it is uninitialised or unborn. */
  readonly head: string | null;
  /** Null where its contents stay behind. */
  readonly base: UnitBase | null;
  /** As for the repository around it; only once it is staged. Without a git directory in the sandbox, its contents are not there. */
  readonly staged?: StagedBase;
}

/** What did not travel, and why. Lists hold at most 1,000 paths; the counts are exact. */
export interface LeftOut {
  /** Ignored as `git status` ignores; a folder that is ignored as a whole counts once, as a folder. */
  readonly ignored: { readonly files: number; readonly folders: number; readonly examples: readonly string[] };
  readonly special: readonly { readonly path: string; readonly kind: "socket" | "fifo" | "device" }[];
  /** Untracked and not readable by this user. */
  readonly unreadable: readonly string[];
  readonly emptyFolders: { readonly count: number; readonly paths: readonly string[] };
  /** Tracked paths that are not on disk on purpose (sparse checkout, skip-worktree). */
  readonly sparse: { readonly count: number; readonly paths: readonly string[] };
}

/** The exact tree of the host at one moment. */
export interface Snapshot {
  /** The top of the tree on the host, absolute. */
  readonly top: string;
  /** Where the caller stood, relative to `top`; "" at the top. */
  readonly subfolder: string;
  /** Whether `top` is a git repository. */
  readonly repository: boolean;
  /** glue's git directory on the host; holds (or borrows) every object of the base. Null where the host has no git. */
  readonly gitDir: string | null;
  /** The user's git directory (a linked worktree's own), absolute. Null where there is no repository. */
  readonly userGitDir: string | null;
  /** HEAD of the user's repository; null where it is unborn or there is none. */
  readonly head: string | null;
  /** The full name of the branch HEAD is on (also an unborn one); null where it is detached or there is none. */
  readonly headRef: string | null;
  /** Null where the host has no git: then the sandbox's git makes it. */
  readonly base: BaseCommit | null;
  /** Whether the tree has anything that HEAD does not: raw tree and HEAD's tree differ for another reason than conversion. */
  readonly dirty: boolean;
  readonly converted: readonly ConvertedPath[];
  /** True where nobody could tell which paths are converted (no git on the host): `converted` is empty and says nothing. */
  readonly conversionsUnknown?: boolean;
  readonly units: readonly NestedUnit[];
  /** Ignored files that `.worktreeinclude` opted in. They travel and never come back. */
  readonly included: readonly string[];
  /** The commit that carries them, in glue's git directory. */
  readonly includeCommit: string | null;
  /** The rules that ignore files here and do not travel in the tree (`info/exclude`, `core.excludesFile`), as one exclude file. */
  readonly ignoreRules: string;
  /** URL of the remote that HEAD's branch follows (else `origin`, else the only one), without user name and password. */
  readonly remoteUrl: string | null;
  readonly files: number;
}

/** What is known after staging, of the base, the sandbox and the host: all that capture and landing go by. */
export interface StagedBase {
  readonly version: 1;
  readonly strategy: Strategy;
  /** Null only where neither the host nor the sandbox has git: then nothing can be captured. */
  readonly base: BaseCommit | null;
  readonly head: string | null;
  readonly headRef: string | null;
  readonly dirty: boolean;
  readonly converted: readonly ConvertedPath[];
  /** As in `Snapshot`. */
  readonly conversionsUnknown?: boolean;
  readonly units: readonly NestedUnit[];
  readonly included: readonly string[];
  readonly ignoreRules: string;
  readonly leftOut: LeftOut;
  readonly remoteUrl: string | null;
  readonly host: {
    readonly top: string;
    readonly subfolder: string;
    readonly repository: boolean;
    /** The host's git version; null where it has none. */
    readonly git: string | null;
    /** glue's git directory on the host. May have been deleted since: the bundle is what lasts. */
    readonly gitDir: string | null;
  };
  readonly sandbox: {
    /** The top of the tree inside, absolute. */
    readonly workspace: string;
    /** The folder that matches `host.subfolder`, absolute. */
    readonly cwd: string;
    /** The git version inside; null where it has none. */
    readonly git: string | null;
    /** glue's git directory inside; holds the base under `refs/glue/base`. Null without git inside. */
    readonly gitDir: string | null;
  };
  /** The file in the session's folder that holds the base under `refs/glue/base`, shallow at it; null where no side has git. */
  readonly bundle: { readonly file: string; readonly size: number } | null;
}

/** How the tree got in, for people and for meta.json. */
export interface StageReport {
  readonly strategy: Strategy;
  /** Strategies that were tried or passed over before it, and why. */
  readonly passedOver: readonly { readonly strategy: Strategy; readonly reason: string; readonly hint?: string }[];
  readonly files: number;
  /** Bytes sent into the sandbox by glue. */
  readonly bytesSent: number;
  readonly milliseconds: number;
  /** What was taken and what stayed behind, a sentence each, in the order to show them. */
  readonly notes: readonly string[];
}
