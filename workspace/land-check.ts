/** What in a captured change deserves a look, whatever way it is going to land. */
import { GlueError } from "../spec/glue-error.ts";
import { openChangeStore, type StorePlace, treeOf } from "./capture-store.ts";
import { type Flag, flagsOf } from "./land-flags.ts";
import { REFS } from "./layout.ts";
import { hasChange, unitPlaces } from "./units.ts";

/** The flags of the change, in the order of its paths; those of the repositories inside come last. */
export async function lookAtChange(place: StorePlace): Promise<Flag[]> {
  const flags = await lookAtOne(place);
  for (const unit of unitPlaces(place)) {
    const own = await lookAtOne(unit.place);
    flags.push(...own.map((flag) => ({ ...flag, path: `${unit.path}/${flag.path}` })));
  }
  return flags;
}

async function lookAtOne(place: StorePlace): Promise<Flag[]> {
  if (!hasChange(place)) return [];
  const store = await openChangeStore(place);
  const captured = store.bundle?.refs.find(({ name }) => name === REFS.captured)?.id;
  if (captured === undefined) throw new GlueError("nothingToLand", "The session holds no change.");
  return await flagsOf(store.options, store.base.tree, await treeOf(store.options, captured));
}
