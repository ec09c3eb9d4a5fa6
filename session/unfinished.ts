import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeIfThere } from "./atomic-file.ts";
import { type Home, homeError } from "./home.ts";
import { isSessionId, randomName } from "./id.ts";
import { holdsUnlandedChange, isFinal, type SessionMeta } from "./meta.ts";
import { readMeta, sessionFolder, sessionIds } from "./store.ts";

/**
 * An index of the sessions that still matter: those that may hold a sandbox, and those that hold a change that was never landed.
 * An empty file each, so that finding them costs the same after ten thousand finished sessions. It lies in the cache: when it is
 * gone, whoever needs it first makes it again from the sessions themselves.
 */
export function unfinishedIds(home: Home): string[] {
  try {
    return readdirSync(indexAt(home)).filter(isSessionId).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw homeError(cause, indexAt(home));
    buildIndex(home);
    return readdirSync(indexAt(home)).filter(isSessionId).sort();
  }
}

/** Puts a session into the index. Before its meta.json says anything: an entry too many is harmless, one too few is not. */
export function markUnfinished(home: Home, id: string): void {
  const write = () => writeFileSync(join(indexAt(home), id), "", { mode: 0o600 });
  try {
    write();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw homeError(cause, indexAt(home));
    buildIndex(home);
    write();
  }
}

/** Takes a session out of the index once its record says that it is done with. */
export function markFinished(home: Home, id: string): void {
  removeIfThere(join(indexAt(home), id));
}

/** Whether a session belongs into the index. */
export function isUnfinished(meta: SessionMeta): boolean {
  return !isFinal(meta.state) || holdsUnlandedChange(meta);
}

const indexAt = (home: Home) => join(home.cache, "unfinished");

/** Made aside and put in place whole. Of two processes that do so at once one is first, and the other's is as good as its. */
function buildIndex(home: Home): void {
  const index = indexAt(home);
  const aside = `${index}-${randomName(8)}`;
  try {
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    for (const id of sessionIds(home)) if (mayMatter(home, id)) writeFileSync(join(aside, id), "", { mode: 0o600 });
    renameSync(aside, index);
  } catch (cause) {
    rmSync(aside, { recursive: true, force: true });
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw homeError(cause, index);
  }
}

function mayMatter(home: Home, id: string): boolean {
  try {
    return isUnfinished(readMeta(sessionFolder(home, id)));
  } catch {
    // A record that cannot be read may stand for a sandbox that runs: whoever lists it says what is wrong with it.
    return true;
  }
}
