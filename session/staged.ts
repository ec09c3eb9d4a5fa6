import type { StagedBase } from "../workspace/snapshot-types.ts";
import type { SessionMeta } from "./meta.ts";

/** What staging recorded of the base; undefined where the tree was never brought in whole, or the session works on the user's files. */
export function stagedBase(meta: SessionMeta): StagedBase | undefined {
  const base = meta.stage?.base;
  // This glue wrote it (an older or newer format of the record is dealt with when it is read); all that is checked is that it is there.
  return typeof base === "object" && base !== null && "version" in base ? (base as StagedBase) : undefined;
}
