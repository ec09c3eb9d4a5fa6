import type { DockerApi } from "./api.ts";
import { look } from "./outcome.ts";
import type { Place } from "./place.ts";

/** How long a command is silent before its launcher is looked for, at first and at most. Each look is a small script in the container. */
const FIRST_MS = 5_000;
const LAST_MS = 60_000;

/**
 * Looks after the launcher of a command that says nothing: one that was killed cannot say how the command ended, and where a background child
 * holds the command's output the engine tells of no end either. `heard` counts what has arrived. Resolves when the launcher is found dead
 * and nothing arrived meanwhile; never where `signal` aborts first.
 */
export async function launcherDied(
  api: DockerApi,
  place: Place,
  commandId: string,
  heard: () => number,
  signal: AbortSignal,
): Promise<boolean> {
  for (let wait = FIRST_MS; ; wait = Math.min(wait * 2, LAST_MS)) {
    const before = heard();
    await pause(wait, signal);
    if (signal.aborted) return false;
    if (heard() !== before) wait = FIRST_MS / 2;
    // A launcher that has just ended may have written its record after the first look.
    else if ((await look(api, place, commandId)) === "dead" && (await look(api, place, commandId)) === "dead") {
      if (!signal.aborted && heard() === before) return true;
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
