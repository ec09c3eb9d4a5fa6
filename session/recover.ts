import { existsSync } from "node:fs";
import { GlueError } from "../spec/glue-error.ts";
import { resolveReferences } from "../spec/references.ts";
import { CAPTURE_FILES } from "../workspace/capture-store.ts";
import { changeOf } from "./change.ts";
import { farewellFile, takeFarewell } from "./farewell.ts";
import { healLocked } from "./heal.ts";
import { takeLock } from "./lock.ts";
import { isFinal, type SessionMeta, savedChange } from "./meta.ts";
import { isAlive } from "./owner.ts";
import type { Surroundings } from "./session.ts";
import { type SessionFolder, sessionFolder } from "./store.ts";

/** What of a session's change is on this machine. */
export interface Recovered {
  readonly state: SessionMeta["state"];
  /** `nothing`: nothing had changed by then. */
  readonly status: "captured" | "nothing";
  /** When what is here was in the sandbox; ISO 8601. What was changed there later is not in it. */
  readonly at: string;
  /** `capture` where the session was saved at its end; then nothing is missing. */
  readonly from: "checkpoint" | "capture";
  /** False while the sandbox may still hold more. */
  readonly over: boolean;
  /** The patch, and all that lands it; absolute. Left out where nothing had changed. */
  readonly files?: { readonly mbox: string; readonly bundle: string };
  /** As the capture told them: commits, files changed, the tree. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/**
 * Makes the change of a session ready from what was saved last, without its sandbox. What is on this machine is checked, and mended from the
 * session's bundles where it is damaged. `nothingToLand` where nothing was ever saved.
 */
export async function recoverSession(around: Surroundings, id: string): Promise<Recovered> {
  const folder = sessionFolder(around.home, id);
  const lock = await takeLock({
    path: folder.lock,
    doing: "recovering its change",
    facts: around.facts,
    waitMs: 10_000,
  });
  try {
    const meta = healLocked(around, folder);
    return await recoverLocked(around, folder, (await savedAtTheEnd(around, folder, meta)) ?? meta);
  } finally {
    lock.release();
  }
}

/** With what was saved when the session's process was gone, where that is not taken yet. */
async function savedAtTheEnd(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
): Promise<SessionMeta | undefined> {
  const isOpen = meta.state === "open" || meta.state === "closing";
  if (!isOpen || meta.owner.kind !== "process" || !existsSync(farewellFile(folder))) return undefined;
  if (isAlive(meta.owner, around.facts).state === "alive") return undefined;
  return await takeFarewell(around, folder, meta, await resolveReferences(meta.options, around.env));
}

async function recoverLocked(around: Surroundings, folder: SessionFolder, meta: SessionMeta): Promise<Recovered> {
  const saved = savedChange(meta);
  if (meta.mode === "direct") {
    const message = `Session ${meta.id} worked on your files directly: its changes are there already.`;
    throw new GlueError("nothingToLand", message);
  }
  if (saved === undefined) throw nothingSaved(meta);
  const common = {
    state: meta.state,
    at: saved.at,
    from: saved === meta.checkpoint ? ("checkpoint" as const) : ("capture" as const),
    over: isFinal(meta.state),
  };
  if (saved.status !== "captured") return { ...common, status: "nothing" };
  // Reads all of it: what is damaged shows here, and not when it is landed.
  await changeOf(around, folder, meta);
  const mbox = saved.facts?.truncated === true ? CAPTURE_FILES.truncated : CAPTURE_FILES.mbox;
  return {
    ...common,
    status: "captured",
    files: { mbox: `${folder.path}/${mbox}`, bundle: `${folder.path}/${CAPTURE_FILES.bundle}` },
    ...(saved.facts === undefined ? {} : { facts: saved.facts }),
  };
}

function nothingSaved(meta: SessionMeta): GlueError {
  const over = isFinal(meta.state);
  return new GlueError(
    "nothingToLand",
    `No checkpoint of session ${meta.id} was made, so nothing of its change is here.`,
    {
      hint: over ? undefined : `Its sandbox may still be there: glue session close ${meta.id} saves what it holds.`,
    },
  );
}
