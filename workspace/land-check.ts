/** What in a captured change deserves a look, whatever way it is going to land. */
import { GlueError } from "../spec/glue-error.ts";
import { openChangeStore, type StorePlace, treeOf } from "./capture-store.ts";
import { type Flag, flagsOf } from "./land-flags.ts";
import { REFS } from "./layout.ts";

/** The flags of the change, in the order of its paths. `nothingToLand`. */
export async function lookAtChange(place: StorePlace): Promise<Flag[]> {
  const store = await openChangeStore(place);
  const captured = store.bundle?.refs.find(({ name }) => name === REFS.captured)?.id;
  if (captured === undefined) throw new GlueError("nothingToLand", "The session holds no change.");
  return await flagsOf(store.options, store.base.tree, await treeOf(store.options, captured));
}
