import { killAllArgv } from "../common/launch.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import {
  type Farewell,
  GlueError,
  type Options,
  type RuntimeSession,
  type SandboxDeath,
  type SandboxHandle,
  type SandboxPaths,
} from "../contract.ts";
import { runScript } from "./exec.ts";
import { ModalExecutor } from "./executor.ts";
import { leaveWord } from "./farewell.ts";
import { handleOf, launcherOf, type Place } from "./place.ts";
import type { Sidecar } from "./sidecar.ts";
import { isDead } from "./sidecar-errors.ts";
import { ModalWorkspace } from "./workspace.ts";

/** One use of one sandbox by this process, through a sidecar of its own. */
export class ModalSession implements RuntimeSession {
  readonly handle: SandboxHandle;
  readonly executor: ModalExecutor;
  readonly workspace: ModalWorkspace;
  readonly paths: SandboxPaths;
  readonly direct = false;
  readonly deadline: Date;
  readonly died: Promise<SandboxDeath>;
  readonly #sidecar: Sidecar;
  readonly #place: Place;
  readonly #options: Options;
  #closing: Promise<void> | undefined;

  /** `farewell` is there where the sidecar was told of a file for it. */
  readonly farewell?: (command: Farewell | undefined) => Promise<void>;

  constructor(sidecar: Sidecar, place: Place, options: Options, saves = false) {
    this.#sidecar = sidecar;
    this.#place = place;
    this.#options = options;
    this.handle = handleOf(place);
    this.paths = { workspace: WORKSPACE, private: place.private, tmp: "/tmp" };
    this.deadline = new Date(place.until);
    this.died = sidecar.died;
    this.executor = new ModalExecutor(sidecar, place);
    this.workspace = new ModalWorkspace(sidecar, place);
    if (saves) this.farewell = (command) => leaveWord(sidecar, place, options, command);
  }

  async killAll(): Promise<void> {
    const { sh, spared, name } = this.#place;
    const graceMs = this.#options.kill_grace_seconds * 1_000;
    const argv = killAllArgv({ graceMs, spare: spared }, { file: launcherOf(this.#place), sh });
    const { code, stderr } = await runScript(this.#sidecar, argv, { timeout: Math.ceil(graceMs / 1_000) + 30 });
    if (code === 0) return;
    throw new GlueError("processesLeft", `Not every process in the sandbox ${name} could be ended: ${stderr.trim()}`);
  }

  serve(path: string): Promise<void> {
    return this.#sidecar.serve(path);
  }

  detach(): Promise<void> {
    this.executor.abandonAll();
    return this.#sidecar.shutdown(false);
  }

  /** The sandbox stays, until its timeout, for whoever takes it over. */
  async leave(): Promise<void> {
    this.executor.abandonAll();
    const { setFree } = await import("./take-over.ts");
    try {
      await setFree(this.#sidecar, this.#place);
    } catch (error) {
      // One that has died is left as well.
      if (!isDead(error)) throw error;
    } finally {
      await this.#sidecar.shutdown(false);
    }
  }

  close(): Promise<void> {
    this.executor.abandonAll();
    this.#closing ??= this.#sidecar.shutdown(this.#options["modal.delete_on_close"]);
    return this.#closing;
  }
}
