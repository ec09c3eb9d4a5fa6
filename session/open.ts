import { existsSync } from "node:fs";
import { join } from "node:path";
import type { OpenContext, Options, Owner, RuntimeId, RuntimeSession } from "../runtimes/contract.ts";
import { loadRuntime } from "../runtimes/factory.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { toReferences } from "../spec/references.ts";
import type { Resolved } from "../spec/resolve.ts";
import { SESSION_FILES } from "../workspace/layout.ts";
import { leave } from "./close.ts";
import { hostTree } from "./host-tree.ts";
import { isSessionOver } from "./is-over.ts";
import { type LiveSession, liveSession } from "./live-session.ts";
import { takeLock } from "./lock.ts";
import { FORMAT_VERSION, GLUE_VERSION, type SessionMeta } from "./meta.ts";
import { currentOwner } from "./owner.ts";
import { type Changes, logState, recordIntent, recordState } from "./record.ts";
import { removeFolder } from "./remove-folder.ts";
import { fallbackOf, modeOf } from "./runtime-options.ts";
import type { Surroundings } from "./session.ts";
import { makeSessionFolder, type SessionFolder } from "./store.ts";
import { type Caller, surroundingsOf } from "./surroundings.ts";

/** What a session is opened with. */
export interface OpenRequest extends Caller {
  readonly resolved: Resolved;
  /** Where the caller stands. Absolute. */
  readonly cwd: string;
  /** Left out: what the runtime and its options say; `copy` is what `--copy` asks for. */
  readonly mode?: "direct" | "copy";
  /** False: a sandbox that an earlier session left stays as it is, whatever changed here since. Default true. */
  readonly update?: boolean;
  /** `process`: ends with this process. `open`: outlives it. */
  readonly kind: Owner["kind"];
  /** The name or id of a sandbox that an earlier session kept, to be taken over in place of a new one. */
  readonly attach?: string;
  /** False: where nothing listens it fails, and no other runtime takes over, whatever the options allow. Default true. */
  readonly fallback?: boolean;
  /** What every command of the session gets unless it says otherwise. */
  readonly defaults?: NonNullable<SessionMeta["defaults"]>;
  /** Called with the id as soon as the session is on record, before anything is created. */
  readonly recorded?: (id: string) => void;
  /** Aborts the opening; nothing of it is left behind. */
  readonly signal?: AbortSignal;
}

/** One attempt to open a session on one runtime. */
interface Attempt {
  readonly request: OpenRequest;
  readonly around: Surroundings;
  readonly folder: SessionFolder;
  readonly context: OpenContext;
  readonly options: Options;
}

/**
 * Opens a session: records what is about to be created, creates it, and brings the tree in where the session works on a copy. The
 * record is on the disk before anything is asked for, so whatever happens to this process, another one finds what it left.
 */
export async function openSession(request: OpenRequest): Promise<LiveSession> {
  const { signal } = request;
  const tree = hostTree(request.cwd);
  const around = surroundingsOf(request);
  const { options } = request.resolved;
  // A runtime that is not part of this version must not leave the folder of a session that never was.
  const runtime = await loadRuntime(options.runtime);
  if (request.attach !== undefined && runtime.takesOver !== true) throw cannotTakeOver(options.runtime);
  const folder = makeSessionFolder(around.home, around.now());
  const lock = await takeLock({ path: folder.lock, doing: "opening the session", facts: around.facts, waitMs: 0 });
  try {
    const context: OpenContext = {
      sessionId: folder.id,
      owner: currentOwner(request.kind, around.facts),
      tree,
      mode: request.mode ?? modeOf(options.runtime, options),
      sessionDir: folder.path,
      farewellFile: join(folder.path, SESSION_FILES.farewell),
      progress: around.progress,
      isOver: (owner, id) => isSessionOver(around, owner, id),
      ...(request.attach === undefined ? {} : { attach: request.attach }),
      ...(signal === undefined ? {} : { signal }),
    };
    return await openOrFallBack({ request, around, folder, context, options });
  } catch (error) {
    // Without a record nothing was asked for: there is nothing to keep.
    if (!existsSync(folder.meta)) removeFolder(around.home, folder);
    throw error;
  } finally {
    lock.release();
  }
}

/** Another runtime takes over only where nothing listens and the options allow it: every other failure is the user's to see. */
async function openOrFallBack(attempt: Attempt): Promise<LiveSession> {
  const { options, around } = attempt;
  const wanted = options.runtime;
  try {
    return await openOn(wanted, attempt);
  } catch (error) {
    const allowed = attempt.context.attach === undefined && attempt.request.fallback !== false;
    const mayFallBack = allowed && isGlueError(error, "runtimeNotListening");
    const fallback = mayFallBack ? fallbackOf(wanted, options) : undefined;
    if (fallback === undefined || !(error instanceof GlueError)) throw error;
    around.voice.warn(
      `${error.message} NOT in ${wanted}: this runs on the ${fallback}, because ${wanted}.fallback_to_${fallback} is true.`,
    );
    return await openOn(fallback, attempt);
  }
}

async function openOn(runtimeId: RuntimeId, attempt: Attempt): Promise<LiveSession> {
  const { around, folder, context, options, request } = attempt;
  const runtime = await loadRuntime(runtimeId);
  const prepared =
    context.mode === "direct"
      ? undefined
      : (await import("./stage.ts")).prepareStage(around, {
          folder,
          tree: context.tree,
          update: request.update ?? true,
          signal: request.signal,
        });
  const fleeting = runtime.endsWithMachine === true && context.mode === "direct" && context.owner.kind === "process";
  let meta = recordIntent(around, folder, intentOf(attempt, runtime.plan(options, context)), fleeting);
  request.recorded?.(folder.id);
  let opened: RuntimeSession | undefined;
  try {
    const live = await runtime.open(options, context);
    opened = live;
    meta = recordState(around, folder, meta, prepared === undefined ? "open" : "created", knownOf(live));
    const session = liveSession(around, { folder, meta, options, runtime: live, startFolder: context.tree.subfolder });
    if (prepared !== undefined) {
      const stage = await prepared.stage(session);
      if (live.farewell !== undefined) await (await import("./farewell.ts")).leaveFarewell(session, stage);
      session.meta = recordState(around, folder, session.meta, "open", { stage });
    }
    logState(around, folder, session.meta);
    if (live.deadline !== undefined) {
      const { tellDeadline, watchDeadline } = await import("./deadline.ts");
      tellDeadline(session);
      watchDeadline(session);
    }
    return session;
  } catch (error) {
    await prepared?.discard();
    await giveUp(around, folder, meta, opened, error);
    throw error;
  }
}

/** The record of a session that is about to be created. */
function intentOf({ request, around, context, options }: Attempt, handle: SessionMeta["handle"]): SessionMeta {
  const at = new Date(around.now()).toISOString();
  return {
    formatVersion: FORMAT_VERSION,
    glueVersion: GLUE_VERSION,
    id: context.sessionId,
    state: "intended",
    createdAt: at,
    stateAt: at,
    requestedRuntime: options.runtime,
    runtime: handle.runtime,
    mode: context.mode,
    owner: context.owner,
    tree: { ...context.tree, outsideGitDirs: [...context.tree.outsideGitDirs] },
    options: storedOptions(request.resolved),
    ...(request.defaults === undefined ? {} : { defaults: request.defaults }),
    handle,
    ...(context.attach === undefined ? {} : { attached: true }),
  };
}

function cannotTakeOver(runtime: RuntimeId): GlueError {
  return new GlueError("notSupported", `The runtime ${runtime} keeps no sandbox that a session could be attached to.`, {
    hint: "Give the id of an open session, or -r with the runtime of the sandbox.",
  });
}

function storedOptions(resolved: Resolved): SessionMeta["options"] {
  const { values, secrets } = toReferences(resolved);
  return JSON.parse(JSON.stringify({ values, secrets })) as SessionMeta["options"];
}

/** What is known once the sandbox exists. */
function knownOf(opened: RuntimeSession): Changes {
  const { handle, deadline } = opened;
  return {
    handle: { ...handle, data: { ...handle.data } },
    ...(deadline === undefined ? {} : { deadline: deadline.toISOString() }),
  };
}

/** Nothing was proven by these: the sandbox may exist, and stays on record for `prune`. */
const MAY_HAVE_CREATED: ReadonlySet<string> = new Set(["runtimeUnreachable", "outcomeUnknown", "internal"]);

/**
 * After a failure: releases what was opened, and records whether anything can be left. A runtime that fails leaves nothing behind by
 * contract, except where it could not know.
 */
async function giveUp(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  opened: RuntimeSession | undefined,
  error: unknown,
): Promise<void> {
  const note = error instanceof Error ? error.message : String(error);
  try {
    if (opened !== undefined) {
      const stays = meta.attached === true || opened.resumed === true;
      await (stays ? leave({ runtime: opened }) : opened.close());
    }
    const unsure = opened === undefined && (!(error instanceof GlueError) || MAY_HAVE_CREATED.has(error.code));
    recordState(around, folder, meta, unsure ? meta.state : "failed", { note });
  } catch (second) {
    // The first failure is the one to report; the record still says what was intended, so prune finds what is left.
    around.voice.warn(
      `Session ${folder.id} could not be cleaned up: ${second instanceof Error ? second.message : second}`,
    );
    around.voice.warn("glue prune releases what it left.");
  }
}
