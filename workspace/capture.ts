/** Brings what changed in a sandbox since the base back to the host, as files of the session. */
import { readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { CommandExecutor, Progress, Workspace } from "../runtimes/contract.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { splitNul } from "./bytes.ts";
import { readArchive } from "./capture-archive.ts";
import { bundleHead } from "./capture-bundle.ts";
import { captureInside } from "./capture-inside.ts";
import { prove, type Reading, readChange } from "./capture-proof.ts";
import { askSandbox, type CapturedRef, type SandboxState } from "./capture-script.ts";
import {
  addBorders,
  borderRefs,
  CAPTURE_FILES,
  type ChangeStore,
  healChangeStore,
  openChangeStore,
  type StorePlace,
} from "./capture-store.ts";
import { OBJECTS } from "./cat-file.ts";
import { type Pending, prepareFile, settleFiles } from "./durable-file.ts";
import { ExpectedPack } from "./expected-pack.ts";
import { fetchPack, INCOMING } from "./fetch-pack.ts";
import { git, gitStream, gitVersion } from "./git.ts";
import { REFS } from "./layout.ts";
import { type CommitLine, commitsSince, MBOX_CAP_BYTES, makeMbox, PATCHES } from "./mbox.ts";
import { type RawEntry, sides, TREE_PAIR } from "./raw-diff.ts";

/** What a capture needs of a sandbox. */
export interface CaptureSource {
  readonly executor: CommandExecutor;
  readonly workspace: Workspace;
}

export interface CaptureRequest extends StorePlace {
  readonly runtimeId: string;
  readonly sandboxId: string;
  /** Bytes of untracked content that may come back without asking. */
  readonly capBytes: number;
  readonly now: Date;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** The contents of `runtime.mbox.meta.json`. */
export interface CaptureFacts {
  readonly runtime_id: string;
  readonly sandbox_id: string;
  /** The base commit. */
  readonly bootstrap_sha: string;
  readonly remote_url: string | null;
  /** Where commands started inside. */
  readonly runtime_cwd: string;
  readonly format: "format-patch";
  /** ISO 8601, UTC. */
  readonly captured_at: string;
  /** Of the whole mbox, in bytes. */
  readonly size_bytes: number;
  readonly truncated: boolean;
  readonly truncation_cap_bytes: number;
  readonly base_tree: string;
  readonly head_tree: string;
  readonly commits: number;
  readonly files_changed: number;
  /** Whether a plain `git am` on the base makes the same commits but for committer and id. */
  readonly mbox_exact: boolean;
  /** Whether the commits can be landed with the ids they have. */
  readonly ids_kept: boolean;
  /** False where files still changed while they were read. */
  readonly quiescent: boolean;
}

export type CaptureResult = (
  | { readonly status: "nothing" }
  | {
      readonly status: "captured";
      readonly head: string;
      readonly refs: readonly CapturedRef[];
      readonly facts: CaptureFacts;
    }
) & {
  /** The tree in the sandbox, which is the tree here: the objects prove it. */
  readonly tree: string;
  /** Bytes that came over. */
  readonly bytes: number;
  /** For people: what was left out or looked damaged, a sentence each. */
  readonly warnings: readonly string[];
};

/**
 * Captures, once. Repeatable: only what is new since the last capture comes over. Nothing in the sandbox changes but glue's own
 * git directory. When this resolves, the files are on the disk; when it rejects, those of the last capture are as they were.
 * `captureFailed`, `captureTooLarge`, `cancelled`, and whatever the ports throw when the sandbox is not to be reached.
 */
export async function capture(source: CaptureSource, request: CaptureRequest): Promise<CaptureResult> {
  const { base, host, sandbox } = request.base;
  if (host.git === null && base !== null && sandbox.gitDir !== null && (await gitVersion()) === undefined) {
    return await captureInside(source, request, base);
  }
  try {
    return await attempt(source, request, await openChangeStore(request));
  } catch (error) {
    if (!isGlueError(error, "gitFailed") && !isGlueError(error, "sessionDamaged")) throw error;
  }
  // What this machine kept of the base or of earlier captures is damaged: once more, with nothing but base.bundle to stand on.
  return await attempt(source, request, await healChangeStore(request, { keepChange: false }));
}

async function attempt(source: CaptureSource, request: CaptureRequest, store: ChangeStore): Promise<CaptureResult> {
  const have = [...new Set((store.bundle?.refs ?? []).map((ref) => ref.id))];
  const known = new Set([store.base.commit, ...have]);
  const expected = new ExpectedPack(store.options, known, [PATCHES, TREE_PAIR, OBJECTS]);
  try {
    return await bring(source, request, { ...store, options: expected.options }, have, expected);
  } finally {
    await expected.drop();
  }
}

async function bring(
  source: CaptureSource,
  request: CaptureRequest,
  store: ChangeStore,
  have: readonly string[],
  expected: ExpectedPack,
): Promise<CaptureResult> {
  const question = {
    ...request,
    have,
    onHead: (head: string) => expected.expect(head),
    onPack: (pack: Uint8Array) => expected.begin(pack),
  };
  const state =
    request.base.sandbox.gitDir === null
      ? await readArchive(source.executor, question, store)
      : await askSandbox(source.executor, question);
  const common = { tree: state.tree, bytes: state.packSize, warnings: warningsOf(state) };
  if (isNothing(store, state)) {
    await settleFiles(request.sessionDir, [], Object.values(CAPTURE_FILES));
    return { status: "nothing", ...common };
  }
  const refs = [{ id: state.head, name: REFS.captured }, ...borderRefs(borders(store, state)), ...state.refs];
  const known = sameRefs(refs, store.bundle?.refs) ? readFacts(request.sessionDir) : undefined;
  if (known?.head_tree === state.tree) {
    return {
      status: "captured",
      head: state.head,
      refs: state.refs,
      facts: { ...known, quiescent: state.quiescent },
      ...common,
    };
  }
  const pack =
    typeof state.pack === "string" ? Bun.file(await fetchLarge(source, state, state.pack, request)) : state.pack;
  const linked = pack !== undefined && (await expected.add(pack));
  addBorders(store, borders(store, state));
  const bundle = await makeBundle(store, request.sessionDir, refs, have.length === 0 ? pack : undefined);
  const reading = readChange(store, state);
  const [described] = await Promise.all([
    describe(store, request, state, reading),
    prove(store, state, reading, linked ? undefined : have),
  ]);
  const files = [bundle, ...described.files];
  const stale = Object.values(CAPTURE_FILES).filter((name) => !files.some(({ path }) => basename(path) === name));
  await settleFiles(request.sessionDir, files, stale);
  if (typeof state.pack === "string") {
    await source.workspace.remove(state.pack);
    rmSync(join(request.gitDir, INCOMING), { recursive: true, force: true });
  }
  return { status: "captured", head: state.head, refs: state.refs, facts: described.facts, ...common };
}

async function fetchLarge(
  { workspace }: CaptureSource,
  state: SandboxState,
  path: string,
  request: CaptureRequest,
): Promise<string> {
  const { progress } = request;
  return await fetchPack(workspace, {
    path,
    size: state.packSize,
    folder: join(request.gitDir, INCOMING),
    objectFormat: request.base.base?.objectFormat ?? "sha1",
    ...(progress === undefined ? {} : { progress }),
  });
}

function sameRefs(now: readonly CapturedRef[], before: readonly CapturedRef[] = []): boolean {
  const text = (refs: readonly CapturedRef[]) => refs.map(({ id, name }) => `${id} ${name}`).join("\n");
  return text(now) === text(before);
}

/** What the last capture wrote down; undefined where it did not come to that. */
function readFacts(sessionDir: string): CaptureFacts | undefined {
  try {
    return JSON.parse(readFileSync(join(sessionDir, CAPTURE_FILES.meta), "utf8")) as CaptureFacts;
  } catch {
    // Missing or torn: it is made anew.
    return undefined;
  }
}

/** No commit and no file that the base has not; a branch or tag of another name for the base itself is no content. */
function isNothing(store: ChangeStore, state: SandboxState): boolean {
  return state.head === store.base.commit && state.refs.every((ref) => ref.id === store.base.commit);
}

function borders(store: ChangeStore, state: SandboxState): string[] {
  return state.shallow.filter((id) => id !== store.base.commit);
}

/** `runtime.bundle`: everything since the base in one. The first pack is that by itself. */
async function makeBundle(
  store: ChangeStore,
  sessionDir: string,
  refs: readonly CapturedRef[],
  whole: Uint8Array | Blob | undefined,
): Promise<Pending> {
  const head = bundleHead({ objectFormat: store.base.objectFormat, needs: [store.base.commit], refs });
  const path = join(sessionDir, CAPTURE_FILES.bundle);
  if (whole !== undefined) return await prepareFile(path, [head, whole instanceof Blob ? whole.stream() : whole]);
  const tips = [...refs.map((ref) => ref.id), `^${store.base.commit}`].join("\n");
  const pack = gitStream(["pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q"], {
    ...store.options,
    stdin: `${tips}\n`,
  });
  return await prepareFile(path, [head, pack.stdout, finished(pack.done)]);
}

/** Part of a file that adds nothing but fails the writing where its source has failed. */
async function* finished(done: Promise<unknown>): AsyncGenerator<Uint8Array> {
  await done;
  yield new Uint8Array(0);
}

async function describe(
  store: ChangeStore,
  request: CaptureRequest,
  state: SandboxState,
  { net, single, objects }: Reading,
): Promise<{ facts: CaptureFacts; files: Pending[] }> {
  const [commits] = single === undefined ? await Promise.all([commitsSince(store, state.head), net]) : [[single]];
  const [mbox, changed] = await Promise.all([
    makeMbox(store, request.sessionDir, state.head, { net, commits, objects }),
    net.then((entries) => filesChanged(store, state.tree, entries)),
  ]);
  const facts: CaptureFacts = {
    runtime_id: request.runtimeId,
    sandbox_id: request.sandboxId,
    bootstrap_sha: store.base.commit,
    remote_url: request.base.remoteUrl,
    runtime_cwd: request.base.sandbox.cwd,
    format: "format-patch",
    captured_at: request.now.toISOString(),
    size_bytes: mbox.size,
    truncated: mbox.truncated,
    truncation_cap_bytes: MBOX_CAP_BYTES,
    base_tree: store.base.tree,
    head_tree: state.tree,
    commits: commits.length,
    files_changed: changed,
    mbox_exact: mbox.exact,
    ids_kept: descends(store, state.head, commits),
    quiescent: state.quiescent,
  };
  const text = new TextEncoder().encode(`${JSON.stringify(facts, undefined, 2)}\n`);
  return { facts, files: [mbox.file, await prepareFile(join(request.sessionDir, CAPTURE_FILES.meta), [text])] };
}

/** Whether the head stands on the base. On the way from one to the other, the first commit that is new has it as a parent. */
function descends(store: ChangeStore, head: string, commits: readonly CommitLine[]): boolean {
  return head === store.base.commit || commits.some(({ parents }) => parents.includes(store.base.commit));
}

/** How many files differ; one that was renamed counts once. */
async function filesChanged(store: ChangeStore, tree: string, net: readonly RawEntry[]): Promise<number> {
  const gone = net.filter((entry) => sides(entry).after === undefined);
  const fresh = net.filter((entry) => sides(entry).before === undefined);
  if (gone.length === 0 || fresh.length === 0) return net.length;
  const { stdout } = await git(
    ["diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-only", store.base.tree, tree],
    store.options,
  );
  return net.length - splitNul(stdout).length;
}

function warningsOf(state: SandboxState): string[] {
  const warnings = [...state.warnings];
  if (state.git === "broken")
    warnings.push("The workspace's .git is damaged; its commits are those of the last capture.");
  if (!state.quiescent)
    warnings.push("Files still changed while they were captured; the last moment of each is what came back.");
  for (const path of state.unreadable) warnings.push(`Left behind, because it cannot be read: ${path}`);
  return warnings;
}
