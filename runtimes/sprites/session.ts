import { WORKSPACE } from "../common/sandbox-path.ts";
import type { Options, RuntimeSession, SandboxDeath, SandboxHandle } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import { destroy, exists } from "./destroy.ts";
import { endEverything } from "./end-tree.ts";
import { SpriteExecutor } from "./executor.ts";
import { parseLease } from "./lease.ts";
import { type Place, placeFrom } from "./place.ts";
import { runTool } from "./tool.ts";
import { SpriteWorkspace } from "./workspace.ts";

/** One use of one sprite by this process. Making one asks the service nothing. */
export class SpriteSession implements RuntimeSession {
  readonly handle: SandboxHandle;
  readonly executor: SpriteExecutor;
  readonly workspace: SpriteWorkspace;
  readonly paths;
  readonly direct = false;
  readonly resumed: boolean;
  /** Resolves when a call is told that the sprite is gone: asking would keep a sprite awake that nobody uses. */
  readonly died: Promise<SandboxDeath>;
  readonly #cli: SpriteCli;
  readonly #place: Place;
  readonly #graceMs: number;
  #closing: Promise<void> | undefined;

  constructor(cli: SpriteCli, handle: SandboxHandle, options: Options) {
    const death = Promise.withResolvers<SandboxDeath>();
    this.died = death.promise;
    this.handle = handle;
    this.resumed = handle.data.made === "false";
    this.#cli = cli;
    this.#place = placeFrom(handle);
    this.#graceMs = options.kill_grace_seconds * 1_000;
    this.paths = { workspace: WORKSPACE, private: this.#place.private, tmp: "/tmp" };
    this.executor = new SpriteExecutor(cli, this.#place, death.resolve);
    this.workspace = new SpriteWorkspace(cli, this.#place);
  }

  killAll(): Promise<void> {
    return endEverything(this.#cli, this.#place, this.#graceMs);
  }

  async detach(): Promise<void> {
    this.executor.abandonAll();
  }

  /** Gives the lease back, so that another session can have the sprite, and lets go. */
  async leave(): Promise<void> {
    const { private: folder, sessionId } = this.#place;
    const script =
      'case $(cat "$1/lease" 2>/dev/null) in *"\\"session\\":\\"$2\\""*) find "$1/spool" -mindepth 1 ! -name "tool-*" -delete; rm -f -- "$1/lease" ;; esac';
    await runTool(this.#cli, this.#place, ["sh", "-c", script, "glue", folder, sessionId]);
    await this.detach();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.detach();
    if (this.#place.named && !(await this.#holdsLease())) return;
    await destroy(this.#cli, this.#place.name);
  }

  /** Whether a sprite that the user named is still this session's: once it was given up for dead, another may have taken it over. */
  async #holdsLease(): Promise<boolean> {
    if (!(await exists(this.#cli, this.#place.name))) return false;
    const { stdout } = await runTool(this.#cli, this.#place, [
      "sh",
      "-c",
      'cat "$1/lease" 2>/dev/null || true',
      "glue",
      this.#place.private,
    ]);
    const lease = parseLease(stdout.toString());
    return lease === undefined || lease.sessionId === this.#place.sessionId;
  }
}
