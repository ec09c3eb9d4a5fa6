import type { DockerApi } from "./api.ts";
import { runScript, type ScriptResult } from "./exec.ts";
import { LAUNCHER_FILE, type Place } from "./place.ts";

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
    { container: place.container },
    { script, words: [file, ...words], user: "0", ...(sh === undefined ? {} : { sh }) },
    graceMs + SLACK_MS,
  );
}

/**
 * Where PID 1 is an init, the process that keeps the container up is its oldest child; its number is another after each start of the container.
 * PID 1 itself is never hit by a signal to all. The lane's shell stays too, for the capture: it is known by its number and its start.
 */
const END_ALL = `glue_x_file=$1 glue_x_grace=$2 glue_x_init=$3 glue_x_lane=$4 glue_x_main= glue_x_oldest=
if [ "$glue_x_init" = yes ]; then
for glue_x_dir in /proc/[0-9]*; do
read -r glue_x_line 2>/dev/null <"$glue_x_dir/stat" || continue
glue_x_rest=\${glue_x_line##*) }
case $glue_x_rest in ?" 1 "*) ;; *) continue ;; esac
set -f
set -- $glue_x_rest
set +f
if [ -z "$glue_x_oldest" ] || [ "\${20}" -lt "$glue_x_oldest" ]; then glue_x_main=\${glue_x_dir#/proc/} glue_x_oldest=\${20}; fi
done
fi
if [ -n "$glue_x_lane" ] && read -r glue_x_line 2>/dev/null <"/proc/\${glue_x_lane%:*}/stat"; then
set -f
set -- \${glue_x_line##*) }
set +f
[ "\${20}" != "\${glue_x_lane#*:}" ] || glue_x_main="$glue_x_main \${glue_x_lane%:*}"
fi
set -- killall "$glue_x_grace" $glue_x_main
. "$glue_x_file"
`;

/** Ends everything in the container but what keeps it up. As root. */
export function endAll(
  api: DockerApi,
  { container, lane, laneShell = "", sh, main }: Place,
  graceMs: number,
): Promise<ScriptResult> {
  const words = [LAUNCHER_FILE, String(graceMs), main === 1 ? "no" : "yes", laneShell];
  return runScript(api, { container, lane }, { script: END_ALL, words, user: "0", sh, last: true }, graceMs + SLACK_MS);
}
