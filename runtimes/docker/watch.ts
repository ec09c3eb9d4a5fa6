import { GlueError, type SandboxDeath } from "../contract.ts";
import type { DockerApi } from "./api.ts";
import { deathOf } from "./container-errors.ts";

/** Between two looks at an engine that does not send events. */
const LOOK_MS = 2_000;

/**
 * Resolves when the container has died, by the engine's events; undefined when `signal` ends the watch. An engine that is away for a while
 * is waited for: its silence proves nothing.
 */
export async function watchDeath(
  api: DockerApi,
  container: string,
  signal: AbortSignal,
): Promise<SandboxDeath | undefined> {
  while (!signal.aborted) {
    let events: ReadableStream<Uint8Array> | undefined;
    try {
      events = await subscribe(api, container, signal);
    } catch {
      // Away or restarting; the look below says more, or the next round does.
    }
    // It may have died before the events began.
    const death = await deathOf(api, container);
    if (death !== undefined && !(death instanceof GlueError)) {
      await events?.cancel();
      return death;
    }
    if (events === undefined) await Bun.sleep(LOOK_MS);
    else await firstOf(events);
  }
  return undefined;
}

async function subscribe(api: DockerApi, container: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const filters = JSON.stringify({ type: ["container"], container: [container], event: ["die", "destroy"] });
  return (await api.open({ method: "GET", path: "/events", query: { filters }, signal })).stream();
}

/** Resolves when an event comes, or the events end. */
async function firstOf(events: ReadableStream<Uint8Array>): Promise<void> {
  const reader = events.getReader();
  try {
    await reader.read();
    await reader.cancel();
  } catch {
    // The connection ended, or we ended it: the next look tells which.
  }
}
