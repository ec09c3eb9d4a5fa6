import type { Check, OpenContext, Options, OwnedSandbox, Runtime, RuntimeSession, SandboxHandle } from "../contract.ts";
import { GlueError } from "../contract.ts";
import { type Env, SpriteCli } from "./cli.ts";
import { exists } from "./destroy.ts";
import { NAME_PREFIX } from "./place.ts";
import { SpriteSession } from "./session.ts";

/** The runtime of sprites, by the `sprite` program. `env` is what the program gets; this process's where it is left out. */
export function createRuntime(env: Env = process.env): Runtime {
  return new SpritesRuntime(env);
}

class SpritesRuntime implements Runtime {
  readonly id = "sprites";
  readonly takesOver = true;
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  plan(options: Options, { sessionId, attach }: OpenContext): SandboxHandle {
    const name = attach ?? options["sprites.sprite_name"];
    return {
      runtime: "sprites",
      name: name ?? `${NAME_PREFIX}${sessionId}`,
      data: { session: sessionId, named: String(name !== undefined) },
    };
  }

  async open(options: Options, context: OpenContext): Promise<RuntimeSession> {
    const { openSession } = await import("./open.ts");
    return await openSession(this.#cli(options), options, context, this.plan(options, context));
  }

  /** One question, whether it is still there: so a session that is gone is told before anything is asked of it. */
  async attach(handle: SandboxHandle, options: Options): Promise<RuntimeSession> {
    const cli = this.#cli(options);
    const session = new SpriteSession(cli, handle, options);
    if (await exists(cli, handle.name)) return session;
    throw new GlueError("sandboxGone", `The sprite ${handle.name} no longer exists.`);
  }

  async diagnose(options: Options): Promise<Check[]> {
    const { diagnose } = await import("./diagnose.ts");
    return await diagnose(this.#cli(options), options);
  }

  async listOwned(options: Options): Promise<OwnedSandbox[]> {
    const { listOwned } = await import("./reap.ts");
    return await listOwned(this.#cli(options));
  }

  async release(handle: SandboxHandle, options: Options): Promise<void> {
    const { release } = await import("./reap.ts");
    await release(this.#cli(options), handle, options);
  }

  async spared(handle: SandboxHandle, options: Options): Promise<string | undefined> {
    const { spared } = await import("./reap.ts");
    return await spared(this.#cli(options), handle);
  }

  #cli(options: Options): SpriteCli {
    return new SpriteCli(options, this.#env);
  }
}
