import { checkpointsWanted } from "../session/ensure-keeper.ts";
import type { Session } from "../session/session.ts";
import { duration } from "./progress.ts";

/** What the death of the sandbox would cost, and when it ends by itself, in one line; undefined where neither is worth a word. */
export function safetyLine({ meta, options, now, runtime }: Session): string | undefined {
  const everyMs = checkpointsWanted({ meta, options });
  const parts: string[] = [];
  if (meta.checkpoint !== undefined)
    parts.push(`Last checkpoint ${duration(Math.max(0, now() - Date.parse(meta.checkpoint.at)))} ago`);
  else if (everyMs !== undefined) parts.push(`A checkpoint every ${everyMs / 1_000} s while something runs`);
  else if (meta.mode === "copy") parts.push("No checkpoints (checkpoint_seconds is 0)");
  const deadline = runtime.deadline ?? (meta.deadline === undefined ? undefined : new Date(meta.deadline));
  if (deadline !== undefined)
    parts.push(`the sandbox ends by itself in ${duration(Math.max(0, deadline.getTime() - now()))}`);
  return parts.length === 0 ? undefined : `${parts.join("; ")}.`;
}
