import type { RuntimeId } from "../runtimes/contract.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { findSession } from "./find.ts";
import type { Home } from "./home.ts";
import { isFinal, type SessionMeta } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import { sessionFolder } from "./store.ts";

/** What `--attach` means. */
export type Attachable =
  /** A session that is not over: it is reached as it is. */
  | { readonly open: string; readonly sandbox?: undefined; readonly runtime?: undefined }
  /** A sandbox by its name or id; with what the session that kept it was, where that is on record. */
  | {
      readonly open?: undefined;
      readonly sandbox: string;
      readonly runtime?: RuntimeId;
      readonly mode?: SessionMeta["mode"];
    };

/**
 * Finds what a word names: a session by its id or the beginning of it, the sandbox that such a session kept when it ended, or else a
 * sandbox, which only its runtime can know.
 */
export function findAttachable(home: Home, given: string, cwd: string): Attachable {
  let id: string;
  try {
    id = findSession(home, given, cwd);
  } catch (error) {
    if (isGlueError(error, "sessionNotFound") && given !== "") return { sandbox: given };
    throw error;
  }
  const meta = readMeta(sessionFolder(home, id));
  if (!isFinal(meta.state) || meta.kept !== true) return { open: id };
  return { sandbox: meta.handle.name, runtime: meta.runtime, mode: meta.mode };
}
