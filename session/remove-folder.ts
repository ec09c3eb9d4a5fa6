import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { changeFolders } from "./change-folder.ts";
import { type Home, homeError } from "./home.ts";
import type { SessionFolder } from "./store.ts";
import { tidyEntry } from "./unfinished.ts";

/** Out of sight at once, then emptied: nobody meets half of a session. */
export function removeFolder(home: Home, folder: SessionFolder): void {
  const aside = join(home.cache, `removed-${folder.id}`);
  try {
    rmSync(aside, { recursive: true, force: true });
    renameSync(folder.path, aside);
    tidyEntry(home, folder.id, undefined);
    rmSync(aside, { recursive: true, force: true });
    for (const path of changeFolders(home, folder.id)) rmSync(path, { recursive: true, force: true });
  } catch (cause) {
    throw homeError(cause, folder.path);
  }
}
