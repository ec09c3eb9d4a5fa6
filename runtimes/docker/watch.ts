import { GlueError, type SandboxDeath } from "../contract.ts";
import type { DockerApi } from "./api.ts";
import { deathOf } from "./container-errors.ts";

/** Between two looks at an engine that does not send events. */
const LOOK_MS = 2_000;

/** Waits for the death of one container, by the engine's events, until it is stopped. */
export class DeathWatch {
  readonly #api: DockerApi;
  readonly #container: string;
  #stopped = false;
  /** Ends what is waited for at the moment. */
  #wake: () => void = () => undefined;

  constructor(api: DockerApi, container: string) {
    this.#api = api;
    this.#container = container;
  }

  /** Why it died; undefined when the watch was stopped. An engine that is away is waited for: its silence proves nothing. */
  async death(): Promise<SandboxDeath | undefined> {
    while (!this.#stopped) {
      const events = await this.#subscribe();
      // It may have died before the events began.
      const death = await deathOf(this.#api, this.#container);
      const dead = death !== undefined && !(death instanceof GlueError);
      if (dead || this.#stopped) await letGo(events);
      if (dead) return death;
      if (this.#stopped) break;
      if (events === undefined) await this.#pause();
      else await this.#first(events);
    }
    return undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async #subscribe(): Promise<ReadableStream<Uint8Array> | undefined> {
    const filters = { type: ["container"], container: [this.#container], event: ["die", "destroy"] };
    try {
      return (
        await this.#api.open({ method: "GET", path: "/events", query: { filters: JSON.stringify(filters) } })
      ).stream();
    } catch {
      // Away, or restarting: the look at the container says more, or the next round does.
      return undefined;
    }
  }

  /** Resolves when an event comes, the events end, or the watch does. */
  async #first(events: ReadableStream<Uint8Array>): Promise<void> {
    const reader = events.getReader();
    this.#wake = () => void reader.cancel().catch(ignoreLate);
    try {
      await reader.read();
      await reader.cancel();
    } catch {
      // The connection ended; the next look tells why.
    }
  }

  async #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LOOK_MS);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }
}

async function letGo(events: ReadableStream<Uint8Array> | undefined): Promise<void> {
  await events?.cancel().catch(ignoreLate);
}

/** A stream that fails while it is let go of has nothing to say that anybody waits for. */
function ignoreLate(): void {
  return;
}
