import { quote } from "../common/command-line.ts";
import { killAllArgv } from "../common/launch.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { type Farewell, GlueError, type Options } from "../contract.ts";
import { runScript } from "./exec.ts";
import { launcherOf, OTHERS_PRIVATE, type Place, ROOTS_PRIVATE } from "./place.ts";
import type { Life, Sidecar } from "./sidecar.ts";

const NAME = "farewell.sh";
/** A change that takes longer to come back is left where it is. */
const MOST_SECONDS = 900;
const STAGE_SECONDS = 120;

/** Known before there is a sandbox: runs what `leaveWord` leaves there; 66 where that was not done, so that there is nothing to save. */
const SAY = `for file in "$1" "$HOME/$2"; do
[ ! -r "$file" ] || exec sh "$file"
done
exit 66`;

/** What the sidecar is told at its start. `file` as in the context; the sandbox's lifetime in seconds. */
export function farewellOf(file: string, lifetime: number): NonNullable<Life["farewell"]> {
  const argv = ["sh", "-c", SAY, "glue", `${ROOTS_PRIVATE}/${NAME}`, `${OTHERS_PRIVATE}/${NAME}`];
  return { argv, file, seconds: Math.min(MOST_SECONDS, lifetime) };
}

/** Leaves in the sandbox what is to be run at the end, in one file that is there whole or not at all. */
export async function leaveWord(
  sidecar: Sidecar,
  place: Place,
  options: Options,
  command: Farewell | undefined,
): Promise<void> {
  const text = command === undefined ? "exit 1\n" : wordsOf(place, options.kill_grace_seconds * 1_000, command);
  const argv = [place.sh, "-c", 'umask 077; cat >"$1.part" && mv "$1.part" "$1"', "glue", `${place.private}/${NAME}`];
  const { code, stderr } = await runScript(sidecar, argv, { stdin: Buffer.from(text), timeout: STAGE_SECONDS });
  if (code === 0) return;
  throw new GlueError("ioFailed", `What is to be done at the end could not be left in the sandbox: ${stderr.trim()}`);
}

function wordsOf(place: Place, graceMs: number, { script, env, stdin }: Farewell): string {
  const kill = killAllArgv({ graceMs, spare: place.spared }, { file: launcherOf(place), sh: place.sh });
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  // Every byte in octal: a here-document takes no NUL.
  const input = Array.from(stdin, (byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("");
  return [
    // What cannot be ended is captured as it is.
    `${kill.map(quote).join(" ")} "$$" </dev/null >&2`,
    `cd ${WORKSPACE} || exit 1`,
    `${exports.join("")}printf %b ${quote(input)} | ${quote(place.sh)} -c ${quote(script)}`,
    "",
  ].join("\n");
}
