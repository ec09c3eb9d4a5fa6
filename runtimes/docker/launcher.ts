import type { DockerApi } from "./api.ts";
import { runScript, type ScriptResult } from "./exec.ts";
import type { Place } from "./place.ts";

/** How much longer than its grace a kill may take. */
const SLACK_MS = 30_000;

/**
 * Runs a mode of the launcher that ends processes, given as its argv with the launcher in a file. As root: a command may have become
 * another user.
 */
export function runLauncher(
  api: DockerApi,
  place: Place,
  argv: readonly string[],
  graceMs: number,
): Promise<ScriptResult> {
  const [sh, file = "", ...words] = argv;
  // Sourced, so that the shell that ends is the one that says so.
  const script = 'glue_x_file=$1\nshift\n. "$glue_x_file"\n';
  return runScript(
    api,
    place.container,
    { script, words: [file, ...words], user: "0", ...(sh === undefined ? {} : { sh }) },
    graceMs + SLACK_MS,
  );
}
