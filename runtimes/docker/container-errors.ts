import { GlueError, type SandboxDeath } from "../contract.ts";
import { type ContainerState, type DockerApi, isMissing } from "./api.ts";
import { EngineError } from "./engine.ts";

/** A call about a container failed: was it the call, or is the container gone? `undefined` as error asks the second only. */
export async function containerFailure(
  api: DockerApi,
  container: string,
  error: undefined,
): Promise<GlueError | undefined>;
export async function containerFailure(api: DockerApi, container: string, error: unknown): Promise<GlueError>;
export async function containerFailure(
  api: DockerApi,
  container: string,
  error: unknown,
): Promise<GlueError | undefined> {
  if (error instanceof GlueError) return error;
  const found = await deathOf(api, container);
  if (found instanceof GlueError) return found;
  if (found !== undefined) return gone(found, error);
  if (error === undefined) return undefined;
  if (error instanceof EngineError) {
    return new GlueError("runtimeUnreachable", `The Docker engine refused: ${error.message}`, { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new GlueError("runtimeUnreachable", `The connection to the Docker engine was lost: ${message}`, {
    cause: error,
  });
}

/** As an error for whoever wanted something of the container. */
export function gone(death: SandboxDeath, cause?: unknown): GlueError {
  return new GlueError("sandboxGone", death.reason, {
    hint: death.final
      ? "Start a new session; glue session recover brings back what was saved."
      : "Its files are still there: docker start brings it back, and glue session close saves its change.",
    cause,
  });
}

/** Why a container does not run; undefined while it does. A `GlueError` where the engine cannot say, or the container is paused. */
export async function deathOf(api: DockerApi, container: string): Promise<SandboxDeath | GlueError | undefined> {
  let state: ContainerState;
  try {
    state = await api.inspectContainer(container, 10_000);
  } catch (error) {
    if (isMissing(error))
      return { reason: `The container ${shortId(container)} no longer exists; somebody removed it.`, final: true };
    if (error instanceof GlueError) return error;
    return new GlueError("runtimeUnreachable", `The Docker engine cannot say how the container is: ${String(error)}`, {
      cause: error,
    });
  }
  if (state.State.Paused) {
    const name = nameOf(state);
    return new GlueError("runtimeUnreachable", `The container ${name} is paused.`, {
      hint: `docker unpause ${name} lets it go on.`,
    });
  }
  return deathIn(state);
}

/** Why the container does not run, by its own state. */
function deathIn(state: ContainerState): SandboxDeath | undefined {
  const { State } = state;
  const name = nameOf(state);
  if (State.Running && State.Status !== "removing") return undefined;
  if (State.Status === "removing" || State.Status === "dead") {
    return { reason: `The container ${name} is being removed.`, final: true };
  }
  const why = State.OOMKilled ? ", killed for lack of memory" : "";
  const words = State.Error === "" ? "" : ` (${State.Error})`;
  return {
    reason: `The container ${name} is stopped (${State.Status}, exit code ${State.ExitCode}${why})${words}.`,
    final: false,
  };
}

function nameOf({ Id, Name }: ContainerState): string {
  return Name.replace(/^\//, "") || shortId(Id);
}

function shortId(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id;
}

/** For a call that is about no one container: `what` could not be done, and why. */
export function asGlueError(error: unknown, what: string): GlueError {
  if (error instanceof GlueError) return error;
  return new GlueError("runtimeUnreachable", `${what}: ${error instanceof Error ? error.message : error}`, {
    cause: error,
  });
}
