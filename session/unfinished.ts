import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeIfThere } from "./atomic-file.ts";
import { type Home, homeError } from "./home.ts";
import { isSessionId, randomName } from "./id.ts";
import { holdsUnlandedChange, isFinal, type SessionMeta } from "./meta.ts";
import { sessionIds } from "./store.ts";

/**
 * An index of the sessions that still matter, an empty file each, so that finding them costs the same after ten thousand finished
 * ones. It lies in the cache: when it is gone, whoever needs it first makes it again. The records are what counts; an entry too many
 * is harmless and one too few is not, so an entry is made before its record and removed after it.
 */
export interface Unfinished {
  readonly id: string;
  /** True while some process has to see it through: it runs in the session, opens or closes it. False for one that just stays. */
  readonly busy: boolean;
}

const BUSY = ".busy";

/** The sessions that may hold a sandbox, and those that hold a change that was never landed; oldest first. */
export function listUnfinished(home: Home): Unfinished[] {
  let names: string[];
  try {
    names = readdirSync(indexAt(home));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw homeError(cause, indexAt(home));
    buildIndex(home);
    names = readdirSync(indexAt(home));
  }
  const busy = new Map<string, boolean>();
  for (const name of names) {
    const id = name.endsWith(BUSY) ? name.slice(0, -BUSY.length) : name;
    if (isSessionId(id)) busy.set(id, busy.get(id) === true || name !== id);
  }
  return [...busy].map(([id, isBusy]) => ({ id, busy: isBusy })).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Makes the entry that a record will need, where the one it replaces had none. To be called before the record is written. */
export function announce(home: Home, meta: SessionMeta, before: SessionMeta | undefined): void {
  const name = entryOf(meta);
  if (name === undefined || (before !== undefined && name === entryOf(before))) return;
  const write = () => writeFileSync(join(indexAt(home), name), "", { mode: 0o600 });
  try {
    write();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw homeError(cause, indexAt(home));
    buildIndex(home);
    write();
  }
}

/** Removes the entry that a record no longer needs. To be called after the record is written. */
export function retire(home: Home, meta: SessionMeta, before: SessionMeta | undefined): void {
  const name = before === undefined ? undefined : entryOf(before);
  if (name !== undefined && name !== entryOf(meta)) removeIfThere(join(indexAt(home), name));
}

/** Removes what a crash left in the index of a session that is done with, or gone (`undefined`); whoever reads its record may. */
export function tidyEntry(home: Home, id: string, meta: SessionMeta | undefined): void {
  if (meta !== undefined && entryOf(meta) !== undefined) return;
  for (const name of [id, id + BUSY]) removeIfThere(join(indexAt(home), name));
}

const indexAt = (home: Home) => join(home.cache, "unfinished");

function entryOf(meta: SessionMeta): string | undefined {
  if (isFinal(meta.state)) return holdsUnlandedChange(meta) ? meta.id : undefined;
  return meta.state === "open" && meta.owner.kind === "open" ? meta.id : meta.id + BUSY;
}

/** Made aside and put in place whole. Of two processes that do so at once one is first, and the other's is as good as its. */
function buildIndex(home: Home): void {
  const index = indexAt(home);
  const aside = `${index}-${randomName(8)}`;
  try {
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    // All of them, without a look at their records: whoever lists them tidies up.
    for (const id of sessionIds(home)) writeFileSync(join(aside, id + BUSY), "", { mode: 0o600 });
    renameSync(aside, index);
  } catch (cause) {
    rmSync(aside, { recursive: true, force: true });
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw homeError(cause, index);
  }
}
