import { commandIdPrefix } from "../common/command-id.ts";
import { killArgv, type LauncherPlace, sweepArgv } from "../common/launch.ts";
import { GlueError } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import type { Place } from "./place.ts";
import { killServiceSession } from "./service-session.ts";
import { runTool } from "./tool.ts";

/** As root where that is allowed: a command may have become another user. */
function asRoot(place: Place, argv: readonly string[]): string[] {
  return place.sudo ? ["sudo", "-n", ...argv] : [...argv];
}

function launcher(place: Place): LauncherPlace {
  return { file: `${place.tools}/launch.sh` };
}

/** Ends the tree of one command in the sprite: the program's own end would not. Throws `processesLeft`. */
export async function endCommand(
  cli: SpriteCli,
  place: Place,
  id: string,
  token: string,
  graceMs: number,
): Promise<void> {
  const argv = asRoot(place, killArgv({ id, spool: place.spool, graceMs }, launcher(place)));
  try {
    const { code, stderr } = await runTool(cli, place, argv, { deadlineMs: graceMs + 60_000 });
    if (code === 0) return;
    throw new GlueError(
      "processesLeft",
      `Not every process of the command could be ended: ${stderr.trim() || `exit code ${code}`}`,
    );
  } catch (error) {
    await killServiceSession(cli, place, token);
    throw error;
  }
}

/**
 * Ends what runs: everything of this session's commands, and in a sprite that is ours alone every other process of its user as well. In one that
 * the user named, services of the user's own go on.
 */
export async function endEverything(cli: SpriteCli, place: Place, graceMs: number): Promise<void> {
  const prefix = commandIdPrefix(place.sessionId);
  const sweep = asRoot(place, sweepArgv({ prefix, spool: place.spool, graceMs }, launcher(place)));
  const swept = await runTool(cli, place, sweep, { deadlineMs: graceMs + 60_000 });
  let { code, stderr } = swept;
  if (!place.named) {
    const all = await runTool(cli, place, ["sh", `${place.tools}/end-all.sh`, String(graceMs)], {
      deadlineMs: graceMs + 60_000,
    });
    code = code || all.code;
    stderr += all.stderr;
  }
  if (code !== 0) {
    throw new GlueError(
      "processesLeft",
      `Not every process in the sprite ${place.name} could be ended: ${stderr.trim() || `exit code ${code}`}`,
    );
  }
}
