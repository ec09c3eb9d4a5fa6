import { killAllArgv } from "../common/launch.ts";
import { GlueError, type Options, type RuntimeSession, type SandboxDeath, type SandboxHandle } from "../contract.ts";
import { runScript } from "./exec.ts";
import { ModalExecutor } from "./executor.ts";
import { handleOf, LAUNCHER_FILE, type Place, PRIVATE, WORKSPACE } from "./place.ts";
import type { Sidecar } from "./sidecar.ts";
import { ModalWorkspace } from "./workspace.ts";

/** One use of one sandbox by this process, through a sidecar of its own. */
export class ModalSession implements RuntimeSession {
  readonly handle: SandboxHandle;
  readonly executor: ModalExecutor;
  readonly workspace: ModalWorkspace;
  readonly paths = { workspace: WORKSPACE, private: PRIVATE, tmp: "/tmp" };
  readonly direct = false;
  readonly deadline: Date;
  readonly died: Promise<SandboxDeath>;
  readonly #sidecar: Sidecar;
  readonly #place: Place;
  readonly #options: Options;
  #closing: Promise<void> | undefined;

  constructor(sidecar: Sidecar, place: Place, options: Options) {
    this.#sidecar = sidecar;
    this.#place = place;
    this.#options = options;
    this.handle = handleOf(place);
    this.deadline = new Date(place.until);
    this.died = sidecar.died;
    this.executor = new ModalExecutor(sidecar, place);
    this.workspace = new ModalWorkspace(sidecar, place);
  }

  async killAll(): Promise<void> {
    const { sh, spared, name } = this.#place;
    const graceMs = this.#options.kill_grace_seconds * 1_000;
    const argv = killAllArgv({ graceMs, spare: spared }, { file: LAUNCHER_FILE, sh });
    const { code, stderr } = await runScript(this.#sidecar, argv, { timeout: Math.ceil(graceMs / 1_000) + 30 });
    if (code === 0) return;
    throw new GlueError("processesLeft", `Not every process in the sandbox ${name} could be ended: ${stderr.trim()}`);
  }

  detach(): Promise<void> {
    this.executor.abandonAll();
    return this.#sidecar.shutdown(false);
  }

  close(): Promise<void> {
    this.executor.abandonAll();
    this.#closing ??= this.#sidecar.shutdown(this.#options["modal.delete_on_close"]);
    return this.#closing;
  }
}
