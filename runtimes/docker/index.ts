import type {
  AttachOptions,
  Check,
  OpenContext,
  Options,
  OwnedSandbox,
  Runtime,
  RuntimeSession,
  SandboxHandle,
} from "../contract.ts";
import { GlueError } from "../contract.ts";
import { DockerApi } from "./api.ts";
import { deathOf, gone } from "./container-errors.ts";
import { containerName } from "./create.ts";
import { type Env, resolveEndpoint } from "./endpoint.ts";
import { connectEngine } from "./engine.ts";
import { endpointFrom } from "./place.ts";
import type { Machine } from "./proof.ts";
import { DockerSession } from "./session.ts";

/** The runtime of containers. `env` names the engine, `machine` is where glue runs: this process's own where they are left out. */
export function createRuntime(env: Env = process.env, machine?: Machine): Runtime {
  return new DockerRuntime(env, machine);
}

class DockerRuntime implements Runtime {
  readonly id = "docker";
  readonly takesOver = true;
  readonly #env: Env;
  readonly #machine: Machine | undefined;

  constructor(env: Env, machine: Machine | undefined) {
    this.#env = env;
    this.#machine = machine;
  }

  /** Without the engine: which one it is may stand in a file. What the environment says is kept, since another process has its own. */
  plan(_options: Options, { sessionId, attach }: OpenContext): SandboxHandle {
    const engine = this.#env.DOCKER_HOST;
    return { runtime: "docker", name: attach ?? containerName(sessionId), data: engine ? { engine } : {} };
  }

  async open(options: Options, context: OpenContext): Promise<RuntimeSession> {
    if (context.attach !== undefined) {
      const { takeOver } = await import("./take-over.ts");
      return await takeOver(options, context, context.attach, this.#env);
    }
    const { openSession } = await import("./open.ts");
    return await openSession(options, context, this.#env, this.#machine);
  }

  /** One question, whether it still runs, unless the first use is to tell. */
  async attach(handle: SandboxHandle, options: Options, how: AttachOptions = {}): Promise<RuntimeSession> {
    const endpoint = endpointFrom(handle) ?? resolveEndpoint(this.#env);
    const engine = await connectEngine(endpoint);
    const api = new DockerApi(engine, handle.data.api ?? "");
    const session = new DockerSession(api, handle, options);
    if (how.unseen === true) {
      if (handle.data.lane === undefined) engine.prepare?.();
      return session;
    }
    const death = await deathOf(api, handle.id ?? handle.name);
    if (death === undefined) return session;
    throw death instanceof GlueError ? death : gone(death);
  }

  async revive(handle: SandboxHandle, _options: Options): Promise<void> {
    const { revive } = await import("./reap.ts");
    await revive(handle, this.#env);
  }

  async diagnose(options: Options): Promise<Check[]> {
    const { diagnose } = await import("./diagnose.ts");
    return await diagnose(options, this.#env);
  }

  async listOwned(_options: Options): Promise<OwnedSandbox[]> {
    const { listOwned } = await import("./reap.ts");
    return await listOwned(this.#env);
  }

  async release(handle: SandboxHandle, _options: Options): Promise<void> {
    const { release } = await import("./reap.ts");
    await release(handle, this.#env);
  }
}
