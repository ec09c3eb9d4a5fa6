import { WORKSPACE } from "../common/sandbox-path.ts";
import { GlueError } from "../contract.ts";
import { type ContainerState, type DockerApi, isMissing } from "./api.ts";
import { asGlueError } from "./container-errors.ts";
import { PRIVATE } from "./create.ts";
import { EngineError } from "./engine.ts";
import { runScript, type ScriptResult } from "./exec.ts";
import handBackScript from "./hand-back.sh" with { type: "text" };
import { type Labeled, readLabels } from "./labels.ts";

/** Until a container whose removal has begun must be gone. */
const GONE_MS = 60_000;
const HAND_BACK_MS = 600_000;
const MOST_TRIES = 4;
const OUT_OF_STEP_MS = 300;

export interface RetireOptions {
  /** Its session, where the caller knows it: another's container is left alone. */
  readonly sessionId?: string | undefined;
  /** False where it is known that the container's user owns the tree anyway. */
  readonly handBack?: boolean;
  /** Leaves it there, stopped. */
  readonly keep?: boolean;
  /** The folder of its lane, where it has one. */
  readonly lane?: string | undefined;
}

/**
 * Ends a container for good. In direct mode every process ends first and its files in the user's tree go to the tree's owner; then it is
 * removed, or with `keep` stopped. Gone already is done. Throws for a container that is not glue's, for one that cannot be removed (it is then stopped), and, after
 * the removal, where files could not be given back.
 */
export async function retire(
  api: DockerApi,
  idOrName: string,
  { sessionId, handBack = true, keep = false, lane }: RetireOptions = {},
): Promise<void> {
  let state: ContainerState;
  try {
    state = await api.inspectContainer(idOrName);
  } catch (error) {
    if (isMissing(error)) return;
    throw asGlueError(error, `The container ${idOrName} cannot be looked at`);
  }
  const labels = readLabels(state.Config.Labels);
  if (labels === undefined || (sessionId !== undefined && labels.sessionId !== sessionId)) throw notOurs(idOrName);
  let left: unknown;
  if (handBack && labels.mode === "direct") {
    try {
      await giveBack(api, state, labels);
    } catch (error) {
      // The container goes all the same: it may still be running somebody's code. Whoever else has begun to remove it gives back what there is.
      if (!(await isGoing(api, state.Id))) left = error;
    }
  }
  if (!keep && lane !== undefined && labels.mode === "copy") {
    const { emptyCopy } = await import("./empty.ts");
    await emptyCopy(api, state, lane);
  }
  await (keep ? stop(api, state.Id) : remove(api, state.Id));
  if (left !== undefined) {
    const how = keep ? "stopped" : "gone";
    throw asGlueError(left, `The container is ${how}, but what it made in your tree may not belong to you`);
  }
}

/**
 * From inside, where both users are known by number. A container that has died is started again, which runs nothing of the user's. One whose
 * removal has begun is past that: whoever began it, a glue that was killed meanwhile, gave the files back before; and where the tree itself
 * is gone there is nothing to give.
 */
async function giveBack(api: DockerApi, state: ContainerState, { treeFolders }: Labeled): Promise<void> {
  // Never started: nothing ran in it.
  if (state.State.Status === "created" || isBeingRemoved(state)) return;
  const since = Math.floor(Date.parse(state.Created ?? "") / 1_000);
  if (!Number.isFinite(since)) throw new GlueError("internal", "The engine does not say when the container was made.");
  const folders = treeFolders.length > 0 ? treeFolders : [WORKSPACE];
  if (state.State.Paused) await api.unpauseContainer(state.Id);
  if (!state.State.Running) {
    try {
      await api.startContainer(state.Id);
    } catch (error) {
      if (isTreeGone(error, state, folders)) return;
      throw error;
    }
  }
  const others = state.Mounts.map((mount) => mount.Destination).filter((path) => !folders.includes(path));
  const words = [PRIVATE, String(since), String(folders.length), ...folders, ...others];
  const run = () => runScript(api, { container: state.Id }, { script: handBackScript, words, user: "0" }, HAND_BACK_MS);
  const { code, stderr } = await handBack(api, state.Id, run);
  if (code === 0) return;
  const why = stderr.trim().split("\n").at(-1) ?? "";
  throw new GlueError(
    "permissionDenied",
    `What the container made in your tree still belongs to its user: ${why || `exit code ${code}`}`,
    {
      hint: "sudo chown gives it to you; with docker.user: host it is yours from the start.",
    },
  );
}

/**
 * Runs the script until it comes to its end: whatever the user's work did to keep a script from running, nothing outlives a restart, and
 * another glue that releases the same container ends every process in it as well, this script included, so the two must fall out of step.
 */
async function handBack(api: DockerApi, id: string, run: () => Promise<ScriptResult>): Promise<ScriptResult> {
  for (let tries = 1; ; tries++) {
    const done = await run().catch((error: unknown) => {
      if (tries === MOST_TRIES) throw error;
      return undefined;
    });
    if (done !== undefined && (done.code === 0 || tries === MOST_TRIES)) return done;
    await Bun.sleep(Math.random() * (tries - 1) * OUT_OF_STEP_MS);
    await api.restartContainer(id, 0);
  }
}

function isBeingRemoved({ State }: ContainerState): boolean {
  return State.Status === "removing" || State.Status === "dead";
}

/** Whether somebody else has begun to remove it since it was looked at, or is done with it. */
async function isGoing(api: DockerApi, id: string): Promise<boolean> {
  try {
    return isBeingRemoved(await api.inspectContainer(id));
  } catch (error) {
    if (isMissing(error)) return true;
    throw error;
  }
}

/** Whether the container cannot be started because the user's tree, which is mounted in it, does not exist any more. */
function isTreeGone(error: unknown, { Mounts }: ContainerState, [tree]: readonly string[]): boolean {
  const source = Mounts.find((mount) => mount.Destination === tree)?.Source;
  if (!source || !(error instanceof EngineError)) return false;
  return error.message.trimEnd().endsWith(`bind source path does not exist: ${source}`);
}

async function stop(api: DockerApi, id: string): Promise<void> {
  try {
    // Everything of the session has ended; what keeps the container up needs no time for it.
    await api.stopContainer(id, 0);
  } catch (error) {
    if (!isMissing(error)) throw asGlueError(error, `The container ${id.slice(0, 12)} could not be stopped`);
  }
}

async function remove(api: DockerApi, id: string): Promise<void> {
  try {
    await api.removeContainer(id);
  } catch (error) {
    if (isMissing(error)) return;
    if (error instanceof EngineError && error.status === 409) return await waitUntilGone(api, id, error);
    if (!(error instanceof EngineError)) throw error;
    // Not allowed, or not possible: what does not run does no harm, and costs nothing but its disk space.
    const stopped = await api.stopContainer(id, 0).then(
      () => "it is stopped",
      (second: unknown) => `stopping it failed as well (${second instanceof Error ? second.message : second})`,
    );
    throw new GlueError(
      "runtimeUnreachable",
      `The container ${id.slice(0, 12)} could not be removed: ${error.message}; ${stopped}.`,
      {
        hint: `docker rm --force ${id.slice(0, 12)} tries again.`,
        cause: error,
      },
    );
  }
}

/** Somebody else is removing it. */
async function waitUntilGone(api: DockerApi, id: string, cause: unknown): Promise<void> {
  const until = performance.now() + GONE_MS;
  while (performance.now() < until) {
    try {
      await api.inspectContainer(id);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    await Bun.sleep(200);
  }
  throw new GlueError("runtimeUnreachable", `The container ${id.slice(0, 12)} is being removed, and is still there.`, {
    cause,
  });
}

function notOurs(name: string): GlueError {
  return new GlueError(
    "permissionDenied",
    `The container ${name} does not carry this session's labels, so it is not glue's to remove.`,
    {
      hint: "docker inspect shows whose it is.",
    },
  );
}
