import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { loadMkfifo } from "../../common/mkfifo.ts";
import { PRIVATE } from "../create.ts";
import type { Mount } from "../mounts.ts";

/** Where the container has the folder. Only root gets in: whoever writes requests there runs commands as root. */
export const LANE_TARGET = `${PRIVATE}/lane`;

/** The name of a request that lies ready when the container starts. */
export const FIRST_ID = "first";

/**
 * What a container with a lane runs: the request that lies ready for it, which costs no exec of the engine's and is under way before the
 * engine says that the container has started. Then, and where there is none or it may not be read, it waits for ever.
 */
export const FIRST_COMMAND: readonly string[] = [
  "sh",
  "-c",
  'cd /\n(. "$1/$2/start")\nexec cat',
  "glue",
  LANE_TARGET,
  FIRST_ID,
];

/** Makes the folder that a session's container shares with this machine for its lane. Undefined where no named pipe can be made. */
export async function makeLaneFolder(sessionDir: string): Promise<Mount | undefined> {
  const mkfifo = await loadMkfifo();
  if (mkfifo === undefined) return undefined;
  const source = join(sessionDir, "lane");
  mkdirSync(source, { mode: 0o700, recursive: true });
  if (!mkfifo(join(source, "requests"), 0o600) || !mkfifo(join(source, "next"), 0o600)) {
    removeLaneFolder(source);
    return undefined;
  }
  return { source, target: LANE_TARGET, readOnly: false };
}

export function removeLaneFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
