import type { PtySize } from "../contract.ts";
import { type ExitRecord, parseExitRecord } from "./exit-record.ts";
import { type Launch, launchArgv } from "./launch.ts";

/**
 * What the exec's shell does around the launcher, which it then becomes: goes to the folder, says that the command starts, and at the end
 * says how it ended, from the launcher's own record, and whether no process of its session is left that may still write.
 * The stderr comes first: stdout may be held up by a slow reader. Only what a shell has built in is used, so this costs no process;
 * the names that begin with glue_ but not with glue_x_ are the launcher's, and hold what it left in them.
 */
const AROUND = `glue_x_token=$1 glue_x_folder=$2 glue_x_file=$3
shift 3
if ! cd -- "$glue_x_folder" 2>/dev/null; then
printf '\\036%s cwd\\036' "$glue_x_token"
exit 125
fi
unset OLDPWD
if [ ! -r "$glue_x_file" ]; then
printf '\\036%s changed\\036' "$glue_x_token"
exit 125
fi
glue_x_tell() {
glue_x_record=
read -r glue_x_record 2>/dev/null <"$glue_spool/$glue_id.exit" || glue_x_record="\${glue_how:+$glue_how $glue_code .}"
glue_x_quiet=' quiet' glue_x_others=" 1 $$ "
[ "$glue_x_ready" != "$$" ] || glue_x_spare
glue_pids
for glue_pid in $glue_list; do
case $glue_x_others in *" $glue_pid "*) continue ;; esac
if glue_look "$glue_pid" && [ "$glue_session" = "$$" ]; then glue_x_quiet= && break; fi
done
glue_x_say "end $glue_x_record$glue_x_quiet"
}
trap glue_x_tell EXIT
`;
/** A shell that was made ready beforehand (runtimes/docker/lane/start.sh) has read the launcher in already. */
const START = `printf '\\036%s start\\036' "$glue_x_token"
if [ "$glue_x_ready" = "$$" ]; then glue_main "$@"; else . "$glue_x_file"; fi
`;
const SAY_OUT = `printf '\\036%s %s\\036' "$glue_x_token" "$1"
`;
/** The launcher keeps the command's stderr as 3, once it has begun. */
const SAY_ERR = `{ printf '\\036%s %s\\036' "$glue_x_token" "$1" >&3; } 2>/dev/null || printf '\\036%s %s\\036' "$glue_x_token" "$1" >&2
`;
const WITH_PIPES = `${AROUND}glue_x_say() {
${SAY_ERR}${SAY_OUT}}
${START}`;
/** The engine of API 1.41 takes a size only once the terminal is there, when the command may already have asked for it. */
const WITH_TERMINAL = `stty columns "$1" rows "$2" 2>/dev/null
shift 2
${AROUND}glue_x_say() {
${SAY_OUT}}
${START}`;

/** The argv of an exec that runs a command by the launcher in `file`, with marks that bear `token` (see marks.ts). */
export function wrappedArgv(
  launch: Launch & { readonly cwd: string },
  { sh, file, token, pty }: { sh: string; file: string; token: string; pty: PtySize | undefined },
): string[] {
  const { cwd, ...rest } = launch;
  // The words behind the launcher's file are the launcher's own, which it finds in place here.
  const [, , ...words] = launchArgv(rest, { file, sh });
  const mine = [token, cwd, file];
  if (pty === undefined) return [sh, "-c", WITH_PIPES, "glue", ...mine, ...words];
  return [sh, "-c", WITH_TERMINAL, "glue", String(pty.columns), String(pty.rows), ...mine, ...words];
}

/** What the mark at a command's end says: `record` is undefined where the launcher left none, `quiet` that nobody is left who may write. */
export function readEndMark(words: string): { record: ExitRecord | undefined; quiet: boolean } {
  const record = words.slice("end ".length).replace(/ quiet$/, "");
  return { record: parseExitRecord(`${record}\n`), quiet: words.endsWith(" quiet") };
}
