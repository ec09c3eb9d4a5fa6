import { GlueError } from "../spec/glue-error.ts";
import type { StorePlace } from "../workspace/capture-store.ts";
import { type InPlaceResult, landInPlace } from "../workspace/in-place.ts";
import { listRecords } from "../workspace/in-place-record.ts";
import { type Undone, undoInPlace, undoInterrupted } from "../workspace/in-place-undo.ts";
import { lookAtChange } from "../workspace/land-check.ts";
import type { Flag } from "../workspace/land-flags.ts";
import { hasChange, unitPlaces } from "../workspace/units.ts";
import { changePlace } from "./capture.ts";
import { hostTree } from "./host-tree.ts";
import { capturedBase } from "./land.ts";
import { takeLock } from "./lock.ts";
import { readMeta } from "./read-meta.ts";
import { recordChange } from "./record.ts";
import type { Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

export interface InPlaceOptions {
  /** A folder of the working tree to land in, absolute; the session's own where it is left out. */
  readonly target?: string;
  readonly check: boolean;
}

export interface InPlaceReport extends InPlaceResult {
  /** What of the change deserves a look. */
  readonly flags: readonly Flag[];
  /** The working tree, absolute. */
  readonly top: string;
  /** Paths that an application which was interrupted had left halfway, and that were put back first. */
  readonly putBack: number;
}

/**
 * Merges the captured change of a session into a working tree as it is now, under the session's lock, and records that it did. What an
 * interrupted call had done is undone first. Errors of `landInPlace` pass through.
 */
export async function landSessionInPlace(
  around: Surroundings,
  folder: SessionFolder,
  options: InPlaceOptions,
): Promise<InPlaceReport> {
  const lock = await takeLock({ path: folder.lock, doing: "landing its change", facts: around.facts, waitMs: 10_000 });
  try {
    const meta = readMeta(folder);
    const base = capturedBase(folder, meta);
    const { top } = hostTree(options.target ?? base.host.top);
    const putBack = options.check ? 0 : await undoInterrupted(folder.path);
    const place = changePlace(around.home, folder.id, folder.path, base);
    refuseUnits(place, folder.id);
    const result = await landInPlace({
      ...place,
      sessionId: folder.id,
      target: top,
      home: around.home.root,
      now: new Date(around.now()),
      check: options.check,
    });
    if (!options.check) recordChange(around, folder, meta, { landedAt: new Date(around.now()).toISOString() });
    return { ...result, flags: await lookAtChange(place), top, putBack };
  } finally {
    lock.release();
  }
}

/** What changed in repositories inside the tree has a branch of its own to land on, and no merge. */
function refuseUnits(place: StorePlace, id: string): void {
  const changed = unitPlaces(place).filter((unit) => hasChange(unit.place));
  if (changed.length === 0) return;
  throw new GlueError(
    "landRefused",
    `The session also changed repositories inside the tree, which are not merged in place: ${changed.map(({ path }) => path).join(", ")}.`,
    { hint: `Land it as branches, one in each: glue session apply ${id}` },
  );
}

/** Undoes the latest merge of this session into a working tree that is not undone yet. `nothingToLand` where there is none. */
export async function undoSession(around: Surroundings, folder: SessionFolder): Promise<Undone> {
  const lock = await takeLock({ path: folder.lock, doing: "undoing its landing", facts: around.facts, waitMs: 10_000 });
  try {
    const latest = listRecords(folder.path).at(-1);
    if (latest !== undefined) {
      const undone = await undoInPlace(latest);
      // Whether it is landed elsewhere too is not known, and a change that counts as not landed is not removed unasked.
      const { landedAt: _, ...meta } = readMeta(folder);
      recordChange(around, folder, meta, {});
      return undone;
    }
    throw new GlueError(
      "nothingToLand",
      `Nothing of session ${folder.id} is merged into a working tree, so there is nothing to undo.`,
    );
  } finally {
    lock.release();
  }
}
