import { WORKSPACE } from "../common/sandbox-path.ts";
import { GlueError, type Options, type RuntimeSession, type SandboxDeath, type SandboxHandle } from "../contract.ts";
import type { DockerApi } from "./api.ts";
import { containerFailure } from "./container-errors.ts";
import { PRIVATE } from "./create.ts";
import { DockerExecutor } from "./executor.ts";
import { removeLaneFolder } from "./lane/folder.ts";
import { endAll } from "./launcher.ts";
import { type Place, placeFrom } from "./place.ts";
import { DeathWatch } from "./watch.ts";
import { DockerWorkspace } from "./workspace.ts";

/** One use of one container by this process. Making one asks the engine nothing. */
export class DockerSession implements RuntimeSession {
  readonly handle: SandboxHandle;
  readonly executor: DockerExecutor;
  readonly workspace: DockerWorkspace;
  readonly paths = { workspace: WORKSPACE, private: PRIVATE, tmp: "/tmp" };
  readonly direct: boolean;
  readonly #api: DockerApi;
  readonly #place: Place;
  readonly #graceMs: number;
  readonly #death = Promise.withResolvers<SandboxDeath>();
  #watch: DeathWatch | undefined;
  #closing: Promise<void> | undefined;

  constructor(api: DockerApi, handle: SandboxHandle, options: Options) {
    this.handle = handle;
    this.#api = api;
    this.#place = placeFrom(handle);
    this.#graceMs = options.kill_grace_seconds * 1_000;
    this.direct = this.#place.mode === "direct";
    this.executor = new DockerExecutor(api, this.#place, options["docker.shell"], this.#death.resolve);
    this.workspace = new DockerWorkspace(api, this.#place);
  }

  /** The engine is watched from the first look on: most uses of a session are over before it would say anything. */
  get died(): Promise<SandboxDeath> {
    if (this.#watch === undefined) {
      this.#watch = new DeathWatch(this.#api, this.#place.container);
      void this.#watch.death().then((death) => {
        if (death !== undefined) this.#death.resolve(death);
      });
    }
    return this.#death.promise;
  }

  /** As root, since a command may have become another user. What no signal ends, a restart of the container does. */
  async killAll(): Promise<void> {
    const { container } = this.#place;
    const killed = endAll(this.#api, this.#place, this.#graceMs);
    const done = await killed.catch((error: unknown) => {
      if (error instanceof GlueError && error.code === "sandboxGone") throw error;
      return undefined;
    });
    if (done?.code === 0) return;
    try {
      await this.#api.restartContainer(container, 0);
    } catch (error) {
      throw await containerFailure(this.#api, container, error);
    }
  }

  async detach(): Promise<void> {
    this.#watch?.stop();
    this.executor.abandonAll();
  }

  /** The container stays, stopped: its files wait for whoever takes it over. */
  async leave(): Promise<void> {
    const { setFree } = await import("./take-over.ts");
    try {
      await setFree(this.#api, this.#place.container);
    } catch (error) {
      // One that has died is left as well: whoever takes it over goes by the record of its session.
      if (!(error instanceof GlueError && error.code === "sandboxGone")) throw error;
    }
    await this.#retire(true);
  }

  close(): Promise<void> {
    this.#closing ??= this.#retire(false);
    return this.#closing;
  }

  async #retire(keep: boolean): Promise<void> {
    this.#watch?.stop();
    const { retire } = await import("./retire.ts");
    const { container, labeled, lane, owned } = this.#place;
    // While a connection is not read to its end, the engine takes 20 s to believe that its container is dead.
    this.executor.abandonAll();
    await retire(this.#api, container, { sessionId: labeled, handBack: !owned, keep, lane });
    if (lane !== undefined) removeLaneFolder(lane);
  }
}
