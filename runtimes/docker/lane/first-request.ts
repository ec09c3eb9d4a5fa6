import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DockerApi } from "../api.ts";
import { finishScript, markScript, RunningScript, type Script, type ScriptResult } from "../exec.ts";
import { FIRST_ID } from "./folder.ts";
import { offerInLane, takenUp } from "./lane.ts";
import type { LaneWire } from "./lane-wire.ts";
import start from "./start.sh" with { type: "text" };

/** Its stdin, where it has one, is known before it starts. */
type FirstScript = Script & { readonly stdin?: Uint8Array };

/** A script that a container's first process runs as it starts. */
export class FirstRequest {
  readonly #wire: LaneWire;
  readonly #token: string;

  private constructor(wire: LaneWire, token: string) {
    this.#wire = wire;
    this.#token = token;
  }

  /** Lays it out in the folder of a lane whose container does not run yet. Undefined where the machine has no room for it. */
  static async offer(folder: string, script: FirstScript): Promise<FirstRequest | undefined> {
    const { token, text, words } = markScript(script);
    const wire = await offerInLane(folder, { id: FIRST_ID, script: text, words, env: {}, input: false });
    if (wire === undefined) return undefined;
    const own = join(folder, FIRST_ID);
    // A file: nobody here needs to hear that the container has got that far.
    if (script.stdin !== undefined) writeFileSync(join(own, "stdin"), script.stdin, { mode: 0o600 });
    const redirected = script.stdin === undefined ? start : `exec <"$1/$2/stdin"\n${start}`;
    writeFileSync(join(own, "start"), redirected, { mode: 0o600 });
    return new FirstRequest(wire, token);
  }

  /** What became of it in the container, once that has started. Undefined where it was not taken up in time, and never will be. */
  async result(api: DockerApi, container: string): Promise<ScriptResult | undefined> {
    const wire = await takenUp(this.#wire);
    if (wire === undefined) return undefined;
    return await finishScript(new RunningScript(api, container, wire, this.#token));
  }

  /** Takes it back where nobody has begun with it. */
  withdraw(): void {
    this.#wire.withdraw();
    this.#wire.destroy();
  }
}
