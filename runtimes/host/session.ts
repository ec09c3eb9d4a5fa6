/** One use of the host: the caller's own machine and processes. */

import { rmdirSync } from "node:fs";
import { commandIdPrefix } from "../common/command-id.ts";
import type {
  CommandExecutor,
  Options,
  RuntimeSession,
  SandboxDeath,
  SandboxHandle,
  SandboxPaths,
  Workspace,
} from "../contract.ts";
import { endTree } from "./end-tree.ts";
import { HostExecutor } from "./executor.ts";
import { rememberNow, type Since, surelyNothingLeft } from "./leftovers.ts";
import { type HostPlaces, placesOf } from "./place.ts";
import { removeTree } from "./remove-tree.ts";
import { HostWorkspace } from "./workspace.ts";

export class HostSession implements RuntimeSession {
  readonly handle: SandboxHandle;
  readonly executor: CommandExecutor;
  readonly workspace: Workspace;
  readonly paths: SandboxPaths;
  readonly direct: boolean;
  readonly onHost = true;
  /** The machine that glue runs on cannot be found dead. */
  readonly died = new Promise<SandboxDeath>(() => undefined);
  readonly #places: HostPlaces;
  readonly #graceMs: number;
  readonly #since: Since | undefined;
  /** The sessions that commands of this process led. */
  readonly #leaders = new Set<number>();

  /** `opened`: by this process just now, so that no other can have started anything in it. */
  constructor(handle: SandboxHandle, options: Options, opened: boolean) {
    const places = placesOf(handle);
    this.handle = handle;
    this.#places = places;
    this.#graceMs = options.kill_grace_seconds * 1000;
    this.#since = opened ? rememberNow() : undefined;
    this.direct = places.mode === "direct";
    this.workspace = new HostWorkspace(places.workspace);
    this.executor = new HostExecutor({
      sessionId: places.sessionId,
      workspace: places.workspace,
      spool: places.spool,
      shell: options["shell.executable"],
      shellMode: options["shell.mode"],
      started: (pid) => this.#leaders.add(pid),
    });
    // Not the machine's own: sessions that are staged at the same time would write the same file there.
    this.paths = { workspace: places.workspace, private: places.private, tmp: `${places.private}/tmp` };
  }

  async killAll(): Promise<void> {
    const prefix = commandIdPrefix(this.#places.sessionId);
    if (this.#since !== undefined && surelyNothingLeft(this.#since, prefix, this.#leaders)) return;
    await endTree("sweep", prefix, this.#places.spool, this.#graceMs);
  }

  async detach(): Promise<void> {
    // Nothing is held open: the commands are processes of their own.
  }

  async close(): Promise<void> {
    await removePlaces(this.#places);
  }
}

/** Removes what a session has on the disk: never more than its own folders, and in `direct` mode not the workspace. */
export async function removePlaces(places: HostPlaces): Promise<void> {
  if (places.mode === "copy") await removeTree(Buffer.from(places.workspace));
  if (!removedEmpty(places)) await removeTree(Buffer.from(places.private));
}

/** The usual end of a short session: nothing is left in its folders, and two calls do. */
function removedEmpty({ spool, private: own }: HostPlaces): boolean {
  try {
    rmdirSync(spool);
    rmdirSync(own);
    return true;
  } catch {
    return false; // not empty, or gone already: whoever removes the tree will see
  }
}
