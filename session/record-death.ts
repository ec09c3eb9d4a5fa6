import type { Options, Runtime } from "../runtimes/contract.ts";
import { loadRuntime } from "../runtimes/factory.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { resolveReferences } from "../spec/references.ts";
import { finishGone, isListed } from "./finish-gone.ts";
import { takeLock } from "./lock.ts";
import type { SessionMeta } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import type { Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

const WAIT_MS = 5_000;
/** What is being removed is listed until it is. Milliseconds. */
const REMOVAL_MS = 5_000;
const LOOK_MS = 500;

/**
 * Writes down that the sandbox of an open session is gone, so that whoever comes back sees it and is told what is left. One that has only
 * stopped keeps its session open: its files are still there. Where another process is at work on the session, it finds out by itself.
 */
export async function recordDeath(around: Surroundings, folder: SessionFolder): Promise<void> {
  try {
    const known = readMeta(folder);
    const [runtime, options] = [await loadRuntime(known.runtime), await resolveReferences(known.options, around.env)];
    if (await isThere(runtime, options, known)) return;
    const gone = await wordsOf(runtime, options, known);
    const lock = await takeLock({
      path: folder.lock,
      doing: "recording that its sandbox is gone",
      facts: around.facts,
      waitMs: WAIT_MS,
    });
    try {
      const meta = readMeta(folder);
      if (meta.state !== "open") return;
      await finishGone(around, folder, meta, gone, "Its sandbox is gone.");
    } finally {
      lock.release();
    }
  } catch (error) {
    if (!isGlueError(error)) throw error;
    around.voice.warn(error.message);
  }
}

async function isThere(runtime: Runtime, options: Options, meta: SessionMeta): Promise<boolean> {
  for (const until = performance.now() + REMOVAL_MS; await isListed(runtime, options, meta); await Bun.sleep(LOOK_MS)) {
    if (performance.now() >= until) return true;
  }
  return false;
}

/** What the runtime says to those who want to reach a sandbox that is gone. */
async function wordsOf(runtime: Runtime, options: Options, { handle }: SessionMeta): Promise<GlueError> {
  try {
    const session = await runtime.attach(handle, options);
    await session.detach();
  } catch (error) {
    if (isGlueError(error, "sandboxGone")) return error;
    // Why it cannot be asked makes no difference: it is not there.
    if (!isGlueError(error)) throw error;
  }
  return new GlueError("sandboxGone", "Its sandbox is gone.");
}
