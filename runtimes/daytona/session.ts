import { quote } from "../common/command-line.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { GlueError, type Options, type RuntimeSession, type SandboxDeath, type SandboxHandle } from "../contract.ts";
import type { ControlPlane } from "./control-plane.ts";
import { DaytonaExecutor } from "./executor.ts";
import { removeSandbox, stopSandbox } from "./lifecycle.ts";
import { handleOf, type Place, spoolOf } from "./place.ts";
import { SUDO } from "./sudo.ts";
import type { Toolbox } from "./toolbox.ts";
import type { Transport } from "./transport.ts";
import { DaytonaWorkspace } from "./workspace.ts";

export interface SessionParts {
  readonly transport: Transport;
  readonly control: ControlPlane;
  readonly toolbox: Toolbox;
  readonly place: Place;
  readonly died: Promise<SandboxDeath>;
  readonly options: Options;
}

/** One use of one sandbox by this process. */
export class DaytonaSession implements RuntimeSession {
  readonly handle: SandboxHandle;
  readonly executor: DaytonaExecutor;
  readonly workspace: DaytonaWorkspace;
  readonly paths;
  readonly direct = false;
  readonly died: Promise<SandboxDeath>;
  readonly #parts: SessionParts;
  readonly #timer: ReturnType<typeof setInterval>;
  #closing: Promise<void> | undefined;

  constructor(parts: SessionParts) {
    const { place, toolbox, options } = parts;
    this.#parts = parts;
    this.handle = handleOf(place);
    this.paths = { workspace: WORKSPACE, private: place.own, tmp: "/tmp" };
    this.executor = new DaytonaExecutor(toolbox, place);
    this.workspace = new DaytonaWorkspace(toolbox, place);
    this.died = parts.died;
    // An idle API is no idle job: while this process lives the sandbox is in use, whatever it is asked.
    const quarter = (options["daytona.auto_stop_minutes"] * 60_000) / 4;
    this.#timer = setInterval(() => void this.renew().catch(ignore), Math.max(1_000, quarter));
    this.#timer.unref();
  }

  /** By root where sudo allows it, since a command may have become another user. */
  async killAll(): Promise<void> {
    const { toolbox, place, options } = this.#parts;
    const graceMs = options.kill_grace_seconds * 1_000;
    const launcher = `${place.own}/launch.sh`;
    const words = [place.sh, `${place.own}/end-all.sh`, place.sh, spoolOf(place), launcher, String(graceMs)];
    const script = `${SUDO}$glue_sudo ${words.map(quote).join(" ")} </dev/null\n`;
    const said = await toolbox.execute(script, { seconds: graceMs / 1_000 + 30 });
    if (said.trim() === "0") return;
    throw new GlueError("processesLeft", `Not every process in the sandbox ${place.name} could be ended.`);
  }

  /** Begins the time anew after which the service stops an idle sandbox. */
  async renew(): Promise<void> {
    const { control, place } = this.#parts;
    await control.touch(place.id).catch((error: unknown) => {
      throw control.explain("did not keep the sandbox", error);
    });
  }

  async detach(): Promise<void> {
    clearInterval(this.#timer);
    await this.executor.detach();
    await this.#parts.transport.close();
  }

  get toolbox(): Toolbox {
    return this.#parts.toolbox;
  }

  get place(): Place {
    return this.#parts.place;
  }

  /** The sandbox stays, stopped: its files wait for whoever takes it over. */
  async leave(): Promise<void> {
    const { control, place, toolbox, transport } = this.#parts;
    clearInterval(this.#timer);
    this.executor.abandonAll();
    const { setFree } = await import("./take-over.ts");
    try {
      // One that has died is left as well: whoever takes it over goes by the record of its session.
      await setFree(toolbox, place).catch((error: unknown) => {
        if (!(error instanceof GlueError && error.code === "sandboxGone")) throw error;
      });
      await stopSandbox(control, place.id);
    } finally {
      await transport.close();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#retire();
    return this.#closing;
  }

  async #retire(): Promise<void> {
    const { control, place, options } = this.#parts;
    clearInterval(this.#timer);
    this.executor.abandonAll();
    try {
      await retire(control, place.id, options);
    } finally {
      await this.#parts.transport.close();
    }
  }
}

/** Deletes a sandbox, or leaves it stopped where the options say so. */
export async function retire(control: ControlPlane, idOrName: string, options: Options): Promise<void> {
  if (options["daytona.delete_on_close"]) await removeSandbox(control, idOrName);
  else await stopSandbox(control, idOrName);
}

/** A renewal that fails is made up for by the next, long before the time is over. */
function ignore(): void {
  return;
}
