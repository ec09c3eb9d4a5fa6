import {
  type AttachOptions,
  type Check,
  GlueError,
  type OpenContext,
  type Options,
  type OwnedSandbox,
  type Runtime,
  type RuntimeSession,
  type SandboxHandle,
} from "../contract.ts";
import { farewellOf } from "./farewell.ts";
import { tagsOf } from "./labels.ts";
import { listed } from "./listed.ts";
import { wishesOf } from "./options.ts";
import { nameOf, placeFrom } from "./place.ts";
import { findPython } from "./python.ts";
import { ModalSession } from "./session.ts";
import { setUp } from "./setup.ts";
import { type Life, Sidecar } from "./sidecar.ts";
import { isDead } from "./sidecar-errors.ts";

/** Sandboxes of Modal, through a sidecar with Modal's own SDK. */
export class ModalRuntime implements Runtime {
  readonly id = "modal";
  readonly takesOver = true;

  plan(_options: Options, { sessionId, attach }: OpenContext): SandboxHandle {
    return { runtime: "modal", name: attach ?? nameOf(sessionId), data: { sessionId } };
  }

  /** Options first: what cannot be used is refused before anything is created. */
  async open(options: Options, context: OpenContext): Promise<RuntimeSession> {
    const { sessionId, owner, progress, signal } = context;
    if (signal?.aborted) throw new GlueError("cancelled", "Interrupted before the sandbox was created.");
    if (context.attach !== undefined) return await this.#takeOver(context.attach, options, context);
    const wishes = wishesOf(options);
    const file = owner.kind === "process" ? context.farewellFile : undefined;
    const life: Life =
      file === undefined ? { life: "session" } : { life: "run", farewell: farewellOf(file, wishes.timeout) };
    const sidecar = await Sidecar.start(await findPython(options), life);
    try {
      sidecar.onProgress((what) => progress({ what }));
      const until = Date.now() + wishes.timeout * 1_000;
      const params = { ...wishes, tags: tagsOf(sessionId, owner, !options["modal.delete_on_close"]) };
      const { sandbox } = await sidecar.request("create the sandbox", "open", params, { signal });
      const inside = await setUp(sidecar, wishes.image ?? "Modal's default", until);
      if (signal?.aborted) throw new GlueError("cancelled", "Interrupted while the sandbox started.");
      const place = { sessionId, id: String(sandbox), name: nameOf(sessionId), ...inside };
      return new ModalSession(sidecar, place, options, file !== undefined);
    } catch (error) {
      // What fails here as well is left to the sandbox's timeout and to prune; the first failure is the one to tell.
      await sidecar.shutdown(true).catch(() => undefined);
      throw error;
    }
  }

  async #takeOver(named: string, options: Options, context: OpenContext): Promise<RuntimeSession> {
    const { takeOver } = await import("./take-over.ts");
    const sidecar = await Sidecar.start(await findPython(options), { life: "session" });
    try {
      return await takeOver(sidecar, named, options, context);
    } catch (error) {
      // The sandbox stays as it was.
      await sidecar.shutdown(false).catch(() => undefined);
      throw error;
    }
  }

  async attach(handle: SandboxHandle, options: Options, { near }: AttachOptions = {}): Promise<RuntimeSession> {
    const place = placeFrom(handle);
    const sidecar =
      (near === undefined ? undefined : await Sidecar.near(near)) ??
      (await Sidecar.start(await findPython(options), { life: "session" }));
    try {
      await sidecar.request("reach the sandbox", "attach", { sandbox: place.id });
      return new ModalSession(sidecar, place, options);
    } catch (error) {
      await sidecar.shutdown(false).catch(() => undefined);
      throw error;
    }
  }

  async diagnose(options: Options): Promise<Check[]> {
    const { diagnose } = await import("./diagnose.ts");
    return await diagnose(options);
  }

  async listOwned(options: Options): Promise<OwnedSandbox[]> {
    return await this.#ask(options, (sidecar) => listed(sidecar, options));
  }

  async release(handle: SandboxHandle, options: Options): Promise<void> {
    await this.#ask(options, async (sidecar) => {
      // One whose create was lost is known by its session alone.
      const ids =
        handle.id === undefined
          ? (await listed(sidecar, options)).filter(({ sessionId }) => nameOf(sessionId) === handle.name)
          : [{ handle }];
      for (const { handle } of ids) {
        try {
          await sidecar.request("end the sandbox", "terminate", { sandbox: handle.id });
        } catch (error) {
          if (!isDead(error)) throw error;
        }
      }
    });
  }

  async #ask<T>(options: Options, use: (sidecar: Sidecar) => Promise<T>): Promise<T> {
    const sidecar = await Sidecar.start(await findPython(options), { life: "session" });
    try {
      return await use(sidecar);
    } finally {
      await sidecar.shutdown(false).catch(() => undefined);
    }
  }
}
