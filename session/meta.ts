import { version } from "../package.json";
import type { SessionMeta } from "./meta-schema.ts";

export type { SessionMeta };

/** The format of meta.json that this glue writes. It reads this and every older one, and refuses every newer one. */
export const FORMAT_VERSION = 1;

/**
 * Where a session stands. A state is on disk before what follows it is begun:
 * - `intended`: the sandbox is about to be asked for under the name in `handle`; it may or may not exist.
 * - `created`: it exists, and the tree is being brought in.
 * - `open`: commands may run.
 * - `closing`: somebody ends it: commands are stopped, the change is captured.
 * - `captured`: what there was to capture is safe on this machine; the sandbox may go.
 * - `closed`: the sandbox was released (or is kept because the options say so).
 * - `failed`: opening failed, and nothing of it was left behind.
 * - `lost`: the sandbox was gone before its change could be captured; `note` says what is known.
 */
export const STATES = ["intended", "created", "open", "closing", "captured", "closed", "failed", "lost"] as const;
export type SessionState = (typeof STATES)[number];

/** In these states a session holds no sandbox any more. */
export function isFinal(state: SessionState): boolean {
  return state === "closed" || state === "failed" || state === "lost";
}

/** The version of this glue, as meta.json carries it. */
export const GLUE_VERSION: string = version;

/** The text of a meta.json. */
export function printMeta(meta: SessionMeta): string {
  return `${JSON.stringify(meta, undefined, 2)}\n`;
}

/** How the change that lies on this machine came here: by the last capture or checkpoint that brought one, whichever is later. */
export function savedChange({ capture, checkpoint }: SessionMeta): SessionMeta["capture"] {
  const saved = capture === undefined || capture.status === "unavailable" ? undefined : capture;
  if (saved === undefined || checkpoint === undefined) return saved ?? checkpoint;
  return saved.at >= checkpoint.at ? saved : checkpoint;
}

/** Whether the session holds a captured change that was never landed or exported. */
export function holdsUnlandedChange(meta: SessionMeta): boolean {
  const saved = savedChange(meta);
  if (saved?.status !== "captured") return false;
  return meta.landedAt === undefined || meta.landedAt < saved.at;
}
