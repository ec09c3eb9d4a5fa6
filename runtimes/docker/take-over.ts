import { FREE, LOOSE, takeHold } from "../common/holder.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { GlueError, type OpenContext, type Options, type SandboxHandle } from "../contract.ts";
import { type ContainerState, type DockerApi, isMissing } from "./api.ts";
import { asGlueError, deathOf, gone } from "./container-errors.ts";
import { PRIVATE, treeMounts } from "./create.ts";
import { type Env, resolveEndpoint } from "./endpoint.ts";
import { connectEngine } from "./engine.ts";
import { runScript } from "./exec.ts";
import { type Labeled, readLabels } from "./labels.ts";
import { contact, stopIfAborted } from "./open.ts";
import { type Place, placeData } from "./place.ts";
import { thisMachine } from "./proof.ts";
import { DockerSession } from "./session.ts";
import { setUp } from "./setup.ts";

/**
 * Takes over a container that an earlier session of glue's kept: starts it where it is stopped, and prepares it for another session. Its
 * workspace stays as it is. Labels cannot be changed, so who uses it is written into a file in it.
 */
export async function takeOver(
  options: Options,
  context: OpenContext,
  named: string,
  env: Env,
): Promise<DockerSession> {
  const { signal, sessionId, mode, progress } = context;
  const endpoint = resolveEndpoint(env);
  const api = await contact(await connectEngine(endpoint), signal);
  const state = await find(api, named);
  const name = state.Name.replace(/^\//, "");
  const labels = readLabels(state.Config.Labels);
  if (labels === undefined) {
    throw new GlueError("notSupported", `The container ${name} was not made by glue, so glue does not take it over.`, {
      hint: "One that a session kept can be: docker.delete_on_close: false keeps it.",
    });
  }
  const mounts = mountsOf(state, name, labels, context);
  const wasRunning = state.State.Running;
  if (!wasRunning) {
    progress({ what: `Starting the container ${name}` });
    await api.startContainer(state.Id).catch((error: unknown) => {
      throw asGlueError(error, `The container ${name} cannot be started`);
    });
  }
  try {
    const death = await deathOf(api, state.Id);
    if (death !== undefined) throw death instanceof GlueError ? death : gone(death);
    await takeHold(askIn(api, state.Id, name), `The container ${name}`, labels, context);
    stopIfAborted(signal);
    if (mode === "copy") await refuseLoose(api, state.Id, name);
    const inside = await setUp(api, state.Id, {
      mode,
      resumed: true,
      image: state.Config.Image,
      user: state.Config.User,
      shell: options["docker.shell"],
      mounts: { tree: mounts, others: [] },
      proof: { boot: thisMachine().boot },
    });
    const place: Place = {
      container: state.Id,
      name,
      sessionId,
      labeled: labels.sessionId,
      mode,
      sh: inside.sh,
      main: inside.main,
      home: inside.named ? undefined : `${PRIVATE}/home`,
      lane: undefined,
      laneShell: undefined,
      owned: inside.treeOwner === undefined || inside.treeOwner.uid === inside.uid,
    };
    const handle: SandboxHandle = {
      runtime: "docker",
      id: state.Id,
      name,
      data: placeData(place, endpoint, api.version),
    };
    return new DockerSession(api, handle, options);
  } catch (error) {
    if (!wasRunning && !(error instanceof GlueError && error.code === "sandboxBusy")) {
      // As it was; what went wrong is what gets reported.
      await api.stopContainer(state.Id, 0).catch(() => undefined);
    }
    throw error;
  }
}

async function find(api: DockerApi, named: string): Promise<ContainerState> {
  try {
    return await api.inspectContainer(encodeURIComponent(named));
  } catch (error) {
    if (!isMissing(error)) throw asGlueError(error, `The container ${named} cannot be looked at`);
    throw new GlueError("sandboxGone", `There is no container ${named}.`, {
      hint: "docker ps --all --filter label=dev.glue.session lists those of glue.",
      cause: error,
    });
  }
}

/** What of this machine is mounted in it; refused where that is not what this session is about. */
function mountsOf(state: ContainerState, name: string, labels: Labeled, { mode, tree }: OpenContext) {
  if (labels.mode !== mode) {
    const how = labels.mode === "copy" ? "a copy" : "your files directly";
    throw new GlueError("optionInvalid", `The container ${name} was made to work on ${how}.`, {
      hint: labels.mode === "copy" ? "Add --copy." : "Take --copy out, and docker.workspace: copy.",
    });
  }
  if (mode === "copy") return [];
  const mounts = treeMounts(tree);
  const elsewhere = mounts.find(({ source, target }) =>
    state.Mounts.every((mount) => mount.Destination !== target || mount.Source !== source),
  );
  if (elsewhere === undefined) return mounts;
  const there = state.Mounts.find((mount) => mount.Destination === WORKSPACE)?.Source;
  throw new GlueError("mountMismatch", `The container ${name} does not have ${elsewhere.source} mounted.`, {
    hint: there ? `It was made for ${there}.` : undefined,
  });
}

/** Asks in a container, as root, by a script that gets glue's own folder as its first word. */
const askIn =
  (api: DockerApi, container: string, name: string) =>
  async (script: string, ...words: string[]) => {
    const { code, stdout, stderr } = await runScript(
      api,
      { container },
      { script, words: [PRIVATE, ...words], user: "0" },
    );
    if (code === 0) return stdout.toString();
    throw new GlueError("ioFailed", `The container ${name} cannot be prepared: ${stderr.trim()}`);
  };

/** Says that nobody uses a container any more, before it is left. */
export async function setFree(api: DockerApi, container: string): Promise<void> {
  await runScript(api, { container }, { script: FREE, words: [PRIVATE], user: "0" });
}

/** Files without a repository belong to no commit that a new session could start from. */
async function refuseLoose(api: DockerApi, container: string, name: string): Promise<void> {
  const { stdout } = await runScript(api, { container }, { script: LOOSE, words: [WORKSPACE], user: "0" });
  if (!stdout.toString().startsWith("loose")) return;
  throw new GlueError(
    "workspaceDirty",
    `The container ${name} has files in ${WORKSPACE} that are in no git repository.`,
    {
      hint: `docker cp ${name}:${WORKSPACE} . saves them; docker rm ${name} gives them up.`,
    },
  );
}
