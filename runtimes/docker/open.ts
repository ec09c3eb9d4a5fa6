import { homedir } from "node:os";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { GlueError, type OpenContext, type Options, type SandboxHandle } from "../contract.ts";
import { DockerApi } from "./api.ts";
import { containerName, containerSpec, containerUser, PRIVATE, treeMounts, WAIT } from "./create.ts";
import { createFailure, discard, isImageMissing, isInitMissing } from "./create-errors.ts";
import { type Endpoint, type Env, resolveEndpoint } from "./endpoint.ts";
import { CONTACT_MS, connectEngine, EngineError } from "./engine.ts";
import { readLabels } from "./labels.ts";
import { FIRST_COMMAND, makeLaneFolder } from "./lane/folder.ts";
import { parseMounts } from "./mounts.ts";
import { placeData } from "./place.ts";
import { type Machine, NOTHING_TO_PROVE, prepareProof, thisMachine } from "./proof.ts";
import { pullImage } from "./pull.ts";
import { DockerSession } from "./session.ts";
import { offerSetup, setUp } from "./setup.ts";

/**
 * Creates, starts and prepares a session's container. Whatever fails, and whenever it is interrupted, nothing of it stays: the calls
 * that make things are never cut off in the middle, because then nobody would know what they made.
 */
export async function openSession(
  options: Options,
  context: OpenContext,
  env: Env,
  machine: Machine = thisMachine(),
): Promise<DockerSession> {
  const { signal, mode, sessionId } = context;
  const image = options["docker.image"];
  const user = containerUser(options["docker.user"]);
  const tree = mode === "direct" ? treeMounts(context.tree) : [];
  const others = parseMounts(options["docker.mounts"], {
    home: env.HOME || homedir(),
    allowDangerous: options["docker.allow_dangerous_mounts"],
    reserved: [WORKSPACE, PRIVATE, ...tree.map((mount) => mount.target)],
  });
  const endpoint = resolveEndpoint(env);
  const api = await contact(await connectEngine(endpoint), signal);
  const name = containerName(sessionId);
  const mounted = tree.length + others.length > 0;
  const { proof, probe } = mounted ? prepareProof(machine, api.kernel, context.sessionDir) : NOTHING_TO_PROVE;
  const mounts = { tree, others: [...others, ...probe] };
  const preparing = { mode, shell: options["docker.shell"], mounts, proof };
  let lane = mayHaveLane(options, endpoint, machine, api) ? await makeLaneFolder(context.sessionDir) : undefined;
  const first = lane === undefined ? undefined : await offerSetup(lane.source, preparing);
  const specOf = (init: boolean) => {
    const others = lane === undefined ? mounts.others : [...mounts.others, lane];
    const command = lane === undefined || first === undefined ? WAIT : FIRST_COMMAND;
    return containerSpec(options, context, user, { tree, others }, { init, command });
  };
  const making = { api, name, image, context, env, specOf };
  let container: string | undefined;
  try {
    container = await make(making).catch((error: unknown) => {
      // The engine does not see this folder, for instance because glue itself runs in a container.
      if (lane === undefined || !(error instanceof Error) || !error.message.includes(lane.source)) throw error;
      lane = undefined;
      return make(making);
    });
    stopIfAborted(signal);
    const { Config } = await api.inspectContainer(container);
    const inside = await setUp(api, container, {
      ...preparing,
      image,
      user: Config.User,
      lane: lane === undefined ? undefined : { lcAll: lcAllOf(Config.Env) },
      // Nobody else may read what lies there.
      first: lane !== undefined && ROOT.has(Config.User) ? first : undefined,
    });
    stopIfAborted(signal);
    const place = {
      container,
      name,
      sessionId,
      labeled: sessionId,
      mode,
      sh: inside.sh,
      main: inside.main,
      home: inside.named ? undefined : `${PRIVATE}/home`,
      lane: inside.lane === undefined ? undefined : lane?.source,
      laneShell: inside.lane,
      owned: inside.treeOwner === undefined || inside.treeOwner.uid === inside.uid,
    };
    const data = placeData(place, endpoint, api.version);
    const handle: SandboxHandle = { runtime: "docker", id: container, name, data };
    return new DockerSession(api, handle, options);
  } catch (error) {
    if (container !== undefined) await discard(api, container, error);
    throw createFailure(error, image);
  } finally {
    first?.withdraw();
  }
}

/** Names of the user that every image has, as the engine takes them; empty is what an image without any means. */
const ROOT: ReadonlySet<string> = new Set(["", "0", "root", "0:0", "root:root"]);

/**
 * The pipes of a lane connect processes of one kernel only. A container that is kept would need the session's folder for as long as it is
 * there itself.
 */
function mayHaveLane(options: Options, endpoint: Endpoint, machine: Machine, api: DockerApi): boolean {
  if (endpoint.kind !== "unix" || !options["docker.delete_on_close"]) return false;
  return machine.kernel !== "" && machine.kernel === api.kernel;
}

function lcAllOf(env: readonly string[]): string {
  return env.find((line) => line.startsWith("LC_ALL="))?.slice("LC_ALL=".length) ?? "";
}

/** Asks the engine what it is; what answers otherwise is none. */
export async function contact(
  engine: Parameters<typeof DockerApi.contact>[0],
  signal: AbortSignal | undefined,
): Promise<DockerApi> {
  try {
    return await DockerApi.contact(engine, CONTACT_MS, signal);
  } catch (error) {
    if (error instanceof GlueError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new GlueError(
      "runtimeUnreachable",
      `What answers at ${engine.endpoint.url} is no Docker engine: ${message}`,
      {
        cause: error,
      },
    );
  }
}

interface Making {
  readonly api: DockerApi;
  readonly name: string;
  readonly image: string;
  readonly context: OpenContext;
  readonly env: Env;
  readonly specOf: (init: boolean) => unknown;
}

/** Creates and starts the container: with the image pulled where it is missing, and without an init where the engine has none. */
async function make(making: Making): Promise<string> {
  const { api, image, context, env } = making;
  const { progress, signal } = context;
  progress({ what: "Creating the container" });
  try {
    return await createAndStart(making, true);
  } catch (error) {
    if (isInitMissing(error)) {
      progress({ what: "Creating the container without an init, because the engine has no docker-init" });
    } else if (isImageMissing(error)) {
      stopIfAborted(signal);
      await pullImage(api, image, { env, progress, signal });
      stopIfAborted(signal);
      progress({ what: "Creating the container" });
    } else {
      throw createFailure(error, image);
    }
    try {
      return await createAndStart(making, !isInitMissing(error));
    } catch (second) {
      if (!isInitMissing(second)) throw createFailure(second, image);
    }
  }
  progress({ what: "Creating the container without an init, because the engine has no docker-init" });
  try {
    return await createAndStart(making, false);
  } catch (error) {
    throw createFailure(error, image);
  }
}

async function createAndStart({ api, name, context, specOf }: Making, init: boolean): Promise<string> {
  const container = await create(api, name, context, specOf(init));
  try {
    stopIfAborted(context.signal);
    await api.startContainer(container);
  } catch (error) {
    await discard(api, container, error);
    throw error;
  }
  return container;
}

/** A create whose answer was lost may have worked, or work yet: then the name tells. */
async function create(api: DockerApi, name: string, context: OpenContext, spec: unknown): Promise<string> {
  try {
    return await api.createContainer(name, spec);
  } catch (error) {
    const taken = error instanceof EngineError && error.status === 409;
    const lost = error instanceof GlueError && error.code === "runtimeUnreachable";
    if (!taken && !lost) throw error;
    const found = await api.inspectContainer(name).catch(() => undefined);
    if (found === undefined) throw error;
    if (readLabels(found.Config.Labels)?.sessionId !== context.sessionId) {
      throw new GlueError(
        "sandboxCreateFailed",
        `There is a container ${name} already, and it is not this session's.`,
        {
          hint: `docker inspect ${name} shows whose it is.`,
          cause: error,
        },
      );
    }
    return found.Id;
  }
}

/** Throws `cancelled` once the opening was interrupted. */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new GlueError("cancelled", "Interrupted while the container was made.", { cause: signal.reason });
}
