import type { OwnedSandbox, SandboxHandle } from "../contract.ts";
import { GlueError } from "../contract.ts";
import { DockerApi, isMissing } from "./api.ts";
import { asGlueError } from "./container-errors.ts";
import { type Env, resolveEndpoint } from "./endpoint.ts";
import { CONTACT_MS, connectEngine } from "./engine.ts";
import { MARK_LABEL, readLabels } from "./labels.ts";
import { endpointData, endpointFrom } from "./place.ts";
import { retire } from "./retire.ts";

/** Every container with glue's labels on the engine that is now chosen, running or not. */
export async function listOwned(env: Env): Promise<OwnedSandbox[]> {
  const endpoint = resolveEndpoint(env);
  try {
    const api = await DockerApi.contact(await connectEngine(endpoint), CONTACT_MS);
    const owned: OwnedSandbox[] = [];
    for (const { Id, Names, Labels, State, Status, Created } of await api.listContainers(MARK_LABEL)) {
      const labels = readLabels(Labels);
      if (labels === undefined) continue;
      const name = Names?.[0]?.replace(/^\//, "") ?? Id;
      owned.push({
        handle: {
          runtime: "docker",
          id: Id,
          name,
          data: {
            ...endpointData(endpoint),
            ...(labels.mode === undefined ? {} : { mode: labels.mode }),
            ...(labels.kept ? { kept: "true" } : {}),
          },
        },
        sessionId: labels.sessionId,
        owner: labels.owner,
        state: Status || State,
        createdAt: new Date(Created * 1_000),
      });
    }
    return owned;
  } catch (error) {
    throw asGlueError(error, "The containers cannot be listed");
  }
}

/** Ends the container of a handle, by its id or, where the create was only intended, by its name. */
export async function release(handle: SandboxHandle, env: Env): Promise<void> {
  const endpoint = endpointFrom(handle) ?? resolveEndpoint(env);
  try {
    const api = await DockerApi.contact(await connectEngine(endpoint), CONTACT_MS);
    await retire(api, handle.id ?? handle.name);
  } catch (error) {
    throw asGlueError(error, `The container ${handle.name} cannot be released`);
  }
}

/** Starts a stopped container again: nothing of the user's runs in it then, and its files can be read. */
export async function revive(handle: SandboxHandle, env: Env): Promise<void> {
  const endpoint = endpointFrom(handle) ?? resolveEndpoint(env);
  try {
    const api = await DockerApi.contact(await connectEngine(endpoint), CONTACT_MS);
    await api.startContainer(handle.id ?? handle.name);
  } catch (error) {
    if (!isMissing(error)) throw asGlueError(error, `The container ${handle.name} cannot be started again`);
    throw new GlueError("sandboxGone", `The container ${handle.name} no longer exists.`, { cause: error });
  }
}
