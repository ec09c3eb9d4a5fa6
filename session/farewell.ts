import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Options } from "../runtimes/contract.ts";
import { SESSION_FILES } from "../workspace/layout.ts";
import type { SessionMeta } from "./meta.ts";
import { recordState } from "./record.ts";
import type { Session, Surroundings } from "./session.ts";
import { stagedBase } from "./staged.ts";
import type { SessionFolder } from "./store.ts";

/** Where the change of a session is saved by whoever outlives its process, before the sandbox ends. */
export function farewellFile(folder: SessionFolder): string {
  return join(folder.path, SESSION_FILES.farewell);
}

/** Leaves word in the sandbox of what is to be saved, should this process be gone without a word. Before any command runs. */
export async function leaveFarewell(session: Session, stage: NonNullable<SessionMeta["stage"]>): Promise<void> {
  const { farewellFor } = await import("../workspace/farewell.ts");
  const base = stagedBase({ ...session.meta, stage });
  const command = base === undefined ? undefined : farewellFor(base, session.options.capture_cap_mb * 1_000_000);
  await session.runtime.farewell?.(command);
}

/**
 * Takes the change of a session from what was saved when its sandbox ended. Undefined where nothing was. For a holder of the session's
 * lock. Errors as a capture's.
 */
export async function takeFarewell(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
  options: Options,
): Promise<SessionMeta | undefined> {
  const file = farewellFile(folder);
  const base = stagedBase(meta);
  if (base === undefined || !existsSync(file)) return undefined;
  const [{ capture }, { savedSource }, { factsOf, requestFor }] = await Promise.all([
    import("../workspace/capture.ts"),
    import("../workspace/farewell.ts"),
    import("./capture.ts"),
  ]);
  const result = await capture(savedSource(file), requestFor(around, { id: folder.id, folder, meta, options }, base));
  const at = new Date(around.now()).toISOString();
  return recordState(around, folder, meta, "captured", {
    capture: { status: result.status, at, facts: factsOf(result) },
  });
}
