import { leftBehind } from "../session/found.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import type { Io } from "./io.ts";

/** Says in one line what a killed glue left behind; never with `--quiet` or `--json`. */
export async function tellLeftBehind(io: Io): Promise<void> {
  if (io.quiet || io.json) return;
  const line = await leftBehind(surroundingsOf({ voice: io, progress: io.progress, env: io.env }));
  if (line !== undefined) io.notice(line);
}
