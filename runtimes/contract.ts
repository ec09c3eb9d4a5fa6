/**
 * The ports: everything glue asks of a place that runs commands. An adapter implements these and knows nothing of sessions,
 * patches or the command line; whoever uses them knows nothing of adapters. Times are milliseconds, sizes bytes, paths POSIX
 * strings as the sandbox sees them. Every failure is a `GlueError`.
 */
import type { Capability, RuntimeId } from "../spec/generated/capabilities.ts";
import type { Options } from "../spec/generated/options.ts";

export { GlueError, isGlueError } from "../spec/glue-error.ts";
export type { Capability, Options, RuntimeId };

/** A stream of bytes; chunk borders mean nothing. Pulling is what lets the producer go on, so an unread stream stops it. */
export type ByteStream = ReadableStream<Uint8Array>;

/** How a sandbox is reached that another process opened. */
export interface AttachOptions {
  /** The caller runs a command next, which tells by itself when the sandbox is gone: do not ask the service just for that. */
  readonly unseen?: boolean;
  /**
   * The socket on which another process may serve the sandbox (`RuntimeSession.serve`); where nobody does, or the adapter has no use for
   * that, it makes no difference.
   */
  readonly near?: string | undefined;
}

/** One kind of place. Stateless: whatever must outlive the process is in the handle. */
export interface Runtime {
  readonly id: RuntimeId;
  /** True where a sandbox is nothing but processes of this machine: after a loss of power there is none left to be found. */
  readonly endsWithMachine?: boolean;
  /** True where `open` can take over a sandbox that is there already (`OpenContext.attach`). */
  readonly takesOver?: boolean;
  /** The name and labels `open` will use, from the context alone and without I/O, so that they can be recorded before the call. */
  plan(options: Options, context: OpenContext): SandboxHandle;
  /** Creates the sandbox and waits until it runs commands. On failure or abort nothing of it stays behind. */
  open(options: Options, context: OpenContext): Promise<RuntimeSession>;
  /** Reaches a sandbox that another process opened. `sandboxGone` only when the service says so; silence is `runtimeUnreachable`. */
  attach(handle: SandboxHandle, options: Options, how?: AttachOptions): Promise<RuntimeSession>;
  /**
   * Starts a sandbox that has stopped and whose files are still there, so that they can be saved. `sandboxGone` where there is none. Left out
   * where `attach` does so by itself, or nothing can.
   */
  revive?(handle: SandboxHandle, options: Options): Promise<void>;
  /** What is ready and what is not; never throws for a thing that is merely missing. */
  diagnose(options: Options): Promise<Check[]>;
  /** Every sandbox that carries glue's labels, whoever made it. */
  listOwned(options: Options): Promise<OwnedSandbox[]>;
  /** Ends a sandbox. Gone already counts as released; denied or unreachable is an error, never a guess. */
  release(handle: SandboxHandle, options: Options): Promise<void>;
  /**
   * What an `open` that was cut short may have left though `release` has spared it, since it may as well be the user's: a sentence that says
   * how to end it. Left out where `release` ends whatever `open` makes.
   */
  spared?(handle: SandboxHandle, options: Options): Promise<string | undefined>;
}

export interface OpenContext {
  readonly sessionId: string;
  readonly owner: Owner;
  readonly tree: HostTree;
  /** `direct`: commands work on the user's own files. `copy`: an empty workspace that will be staged. */
  readonly mode: "direct" | "copy";
  /** A folder of this session on the host, absolute, existing, 0700; the host runtime keeps its copy and spool in it. */
  readonly sessionDir: string;
  /**
   * Whether a session that holds a sandbox which several can use is proven to be over. False where nothing is proven, as for another machine's.
   * Left out: nothing is.
   */
  readonly isOver?: (owner: Owner, sessionId: string) => boolean;
  /**
   * The name or id of a sandbox that an earlier session kept: it is taken over, and none is created. A failure leaves it as it was. `sandboxBusy`
   * while another session that is not proven to be over uses it.
   */
  readonly attach?: string;
  /** Where `RuntimeSession.farewell` is to leave its answer. Absolute; not there yet. Left out: nobody would look for one. */
  readonly farewellFile?: string;
  readonly signal?: AbortSignal;
  readonly progress: Progress;
}

/** The folder that a session is about, on the host. All paths absolute and real (symbolic links resolved). */
export interface HostTree {
  /** The top of the repository, or the folder itself where there is none. */
  readonly top: string;
  /** Where the caller stands, relative to `top`; "" at the top. */
  readonly subfolder: string;
  /** Git directories outside `top` that a linked worktree or a `gitdir:` file needs; mounted at the same path. */
  readonly outsideGitDirs: readonly string[];
}

/** Who is responsible for a sandbox: written into its labels, and all the reaper has to go by. */
export interface Owner {
  readonly kind: "process" | "open";
  /** Identifies the machine across reboots (not a host name: those repeat). */
  readonly host: string;
  /** Identifies one boot of it. */
  readonly boot: string;
  readonly pid: number;
  /** Start time of `pid` in the platform's own unit, opaque; with `pid` and `boot` it names one process for ever. */
  readonly pidStart: string;
}

/** All that another process needs to reach or end a sandbox: plain JSON, stored in meta.json, no secrets. */
export interface SandboxHandle {
  readonly runtime: RuntimeId;
  /** The service's own id; absent while a create is only intended. */
  readonly id?: string;
  /** Unique name that we chose: what a lost create is looked up by. */
  readonly name: string;
  /** The adapter's own facts (for instance a toolbox URL). */
  readonly data: Readonly<Record<string, string>>;
}

export interface OwnedSandbox {
  readonly handle: SandboxHandle;
  readonly sessionId: string;
  /** Undefined when the labels are not whole: then nothing is proven and it is kept. */
  readonly owner: Owner | undefined;
  /** As the service words it, for people. */
  readonly state: string;
  readonly createdAt?: Date;
}

export interface Check {
  readonly name: string;
  readonly status: "ok" | "warn" | "missing";
  /** What was seen, in a few words. */
  readonly detail: string;
  /** The one command or step that mends it. */
  readonly fix?: string;
}

/** Reported while something takes long. `done`/`total` in the unit given; total is left out where it is not known. */
export interface ProgressEvent {
  readonly what: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: "bytes" | "files" | "steps";
}
export type Progress = (event: ProgressEvent) => void;

/** One use of one sandbox by this process. */
export interface RuntimeSession {
  readonly handle: SandboxHandle;
  readonly executor: CommandExecutor;
  readonly workspace: Workspace;
  readonly paths: SandboxPaths;
  /** True where commands work on the user's own files: there is nothing to stage or capture. */
  readonly direct: boolean;
  /** True where paths are those of this machine: whatever lies outside the workspace is no part of a sandbox. */
  readonly onHost?: boolean;
  /** True where the sandbox was there before this session: when its opening fails it is left, not closed. */
  readonly resumed?: boolean;
  /** When the service will end the sandbox by itself, if it says so. */
  readonly deadline?: Date;
  /** Resolves, once, when the sandbox is found dead, with the reason in a sentence. Never rejects. */
  readonly died: Promise<SandboxDeath>;
  /** Ends every process in the sandbox, first by TERM, then by KILL; on the host only those of this session. */
  killAll(): Promise<void>;
  /** Tells the service that the sandbox is still wanted, where its lifetime is a lease; `deadline` is then the new one. Left out elsewhere. */
  renew?(): Promise<void>;
  /**
   * What is to be done in the sandbox of a session that ends with its process, when this process is gone without a word: everything that runs
   * there is ended, this is run, and when its stdout is whole in the context's `farewellFile`, the sandbox is released. Where that fails, and
   * with `undefined`, the sandbox is left as it is. Until this is called there is nothing in the sandbox to lose, and it is released. Left out
   * where no process outlives this one that could do it.
   */
  farewell?(command: Farewell | undefined): Promise<void>;
  /** Serves this sandbox to `attach` of other processes of this user, on a unix socket at `path`. Left out where that gains nothing. */
  serve?(path: string): Promise<void>;
  /** Lets go of connections and leaves the sandbox running. */
  detach(): Promise<void>;
  /** Ends this use of a sandbox that is kept, so that another session can have it. Left out where nothing stands in its way: `detach` is enough. */
  leave?(): Promise<void>;
  /** Releases the sandbox for good. Idempotent. */
  close(): Promise<void>;
}

/** A script for sh and all that it is given; it starts in the workspace. */
export interface Farewell {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Uint8Array;
}

export interface SandboxDeath {
  readonly reason: string;
  /** Whether the same sandbox may come back (a stopped container) or is gone for good. */
  readonly final: boolean;
}

export interface SandboxPaths {
  /** The tree that commands work on. */
  readonly workspace: string;
  /** glue's own folder: outside the workspace, not in /tmp, kept as long as the sandbox. */
  readonly private: string;
  readonly tmp: string;
}

export interface CommandExecutor {
  /** What runs a script that names no shell: a program and its flags in front of `-c`. `sh` where it is left out. */
  readonly shell?: readonly [string, ...string[]];
  /**
   * Starts a command and resolves when it is running. Its meaning is the same on every runtime: stdout and stderr apart and byte-exact;
   * a timeout or an abort ends the whole process tree in the sandbox, on time, with the output so far; the deadline is kept
   * inside the sandbox as well, so that a dead glue does not lift it. A program that is not there is no error of the executor: it ends
   * with 127 as in a shell (126 where it cannot be executed).
   */
  run(command: Command, options?: RunOptions): Promise<RunningCommand>;
}

/**
 * An argv meets no shell; a script is run by `shell`, a program that takes `-c`. Where it is left out, by the shell that the user's
 * options name for this runtime, else by `sh`: scripts of glue's own name `sh`.
 */
export type Command =
  | { readonly argv: readonly [string, ...string[]] }
  | { readonly script: string; readonly shell?: string };

export interface RunOptions {
  /** Absolute, or relative to the workspace; the workspace where it is left out. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** At EOF where it is left out. */
  readonly stdin?: ByteStream | Uint8Array;
  /**
   * The command reads its stdin once, by its descriptor, and opens it by no name (`/dev/stdin`): then any kind of pipe will do, also one that
   * cannot be opened again at its end.
   */
  readonly stdinOnce?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly pty?: PtySize;
  /** Between TERM and KILL, when a timeout or an abort ends the tree. Default 5,000. */
  readonly graceMs?: number;
  /**
   * Let the command write straight to this process's stdout and stderr where the runtime can; its two streams are then empty.
   * `stdin`, where it is given, is then this process's own too, and the command may get the descriptor in place of the stream:
   * it takes no more of a shared input than it reads.
   */
  readonly inherit?: boolean;
  /** Takes the output in place of the two streams where the runtime can: they are then empty, and end when all of it was given. */
  readonly sink?: OutputSink;
}

/** Where output goes without waiting to be fetched. */
export interface OutputSink {
  /** Returns a promise while it is full; `bytes` stay as they are until that resolves. Never throws or rejects. */
  write(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> | undefined;
}

export interface PtySize {
  readonly columns: number;
  readonly rows: number;
  /** The value of TERM inside. */
  readonly term: string;
}

export interface RunningCommand {
  /** Unique in the sandbox; what `kill` and the spool files go by. */
  readonly id: string;
  readonly stdout: ByteStream;
  /** Empty with a pty. */
  readonly stderr: ByteStream;
  /**
   * The result of the main process. The streams end at most 250 ms of reading after it, whatever a background child holds open.
   * Rejects with `outcomeUnknown` when nobody can say whether or how it ended; there is no made-up exit code.
   */
  wait(): Promise<CommandResult>;
  /** Ends the tree: TERM, then KILL after the grace. `wait` then says `cancelled`. Resolves when nothing of it is left. */
  kill(): Promise<void>;
  resize(size: { columns: number; rows: number }): Promise<void>;
}

export interface CommandResult {
  /** 0–255 as a shell reports it: 124 timed out, 126/127 not runnable/not found, 128+n killed by signal n. */
  readonly exitCode: number;
  readonly outcome: "exited" | "signalled" | "timeout" | "cancelled";
  /** True when bytes written before the end are known to be missing from the streams. */
  readonly outputLost?: boolean;
}

/** Files inside. Paths absolute or relative to the workspace. Names are any bytes but NUL and "/": invalid UTF-8 as `Uint8Array`. */
export interface Workspace {
  /** The largest piece that one upload or download call should carry, in bytes. */
  readonly pieceBytes: number;
  /** `fileNotFound`, `isADirectory`, `permissionDenied` are told apart, and all from a dead sandbox. */
  read(path: SandboxPath, range?: { offset: number; length: number }): Promise<Uint8Array>;
  /** Atomic (whole new or whole old), makes parents, keeps the mode of a file that is replaced unless one is given. */
  write(path: SandboxPath, bytes: Uint8Array, options?: { mode?: number }): Promise<void>;
  /** As `read` and `write`, in constant memory. `size` is exact. */
  download(path: SandboxPath): Promise<ByteStream>;
  upload(path: SandboxPath, bytes: ByteStream, options: { size: number; mode?: number }): Promise<void>;
  /**
   * Lays files of this machine (their paths, or their bytes) where commands in the sandbox can read and remove them, without sending them. They
   * have one name with different ends, which are the keys; it is returned. They go with the session at the latest. Left out, or undefined, where
   * the sandbox and this machine share nothing.
   */
  share?(files: Readonly<Record<string, string | Uint8Array>>): Promise<string | undefined>;
  list(path: SandboxPath): Promise<Entry[]>;
  /** Does not follow a symbolic link; undefined where there is nothing. */
  stat(path: SandboxPath): Promise<Entry | undefined>;
  makeDirectory(path: SandboxPath): Promise<void>;
  /** Nothing there is no error. A directory needs `recursive`. */
  remove(path: SandboxPath, options?: { recursive?: boolean }): Promise<void>;
  move(from: SandboxPath, to: SandboxPath): Promise<void>;
}

export type SandboxPath = string | Uint8Array;

export interface Entry {
  /** The last component, as bytes. */
  readonly name: Uint8Array;
  readonly type: "file" | "directory" | "symlink" | "other";
  readonly size: number;
  /** Permission bits, for instance 0o644. */
  readonly mode: number;
  readonly linkTarget?: Uint8Array;
}
