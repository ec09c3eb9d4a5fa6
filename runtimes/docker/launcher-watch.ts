import type { DockerApi } from "./api.ts";
import { look } from "./outcome.ts";
import type { Place } from "./place.ts";

/** How long a command is silent before its launcher is looked for, at first and at most. Each look is a small script in the container. */
const FIRST_MS = 5_000;
const LAST_MS = 60_000;

/**
 * Looks after the launcher of a command that says nothing: one that was killed cannot say how the command ended, and where a background child
 * holds the command's output the engine tells of no end either. `heard` counts what has arrived. `onDeath` is called once when the launcher is
 * found dead and nothing arrived meanwhile. The result ends the watch: a plain timer, because most commands are over long before it.
 */
export function watchLauncher(
  api: DockerApi,
  place: Place,
  commandId: string,
  { heard, onDeath }: { readonly heard: () => number; readonly onDeath: () => void },
): () => void {
  let over = false;
  let timer: ReturnType<typeof setTimeout>;
  const watch = (wait: number) => {
    const before = heard();
    timer = setTimeout(() => void lookOnce(wait, before), wait);
  };
  const lookOnce = async (wait: number, before: number) => {
    if (heard() !== before) return watch(FIRST_MS);
    // A launcher that has just ended may have written its record after the first look.
    const dead = (await look(api, place, commandId)) === "dead" && (await look(api, place, commandId)) === "dead";
    if (over) return;
    if (dead && heard() === before) onDeath();
    else watch(Math.min(wait * 2, LAST_MS));
  };
  watch(FIRST_MS);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
