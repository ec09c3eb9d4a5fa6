import type { OwnedSandbox, RuntimeId } from "../runtimes/contract.ts";
import { loadRuntime } from "../runtimes/factory.ts";
import { type GlueError, isGlueError } from "../spec/glue-error.ts";
import { demand, type Resolved } from "../spec/resolve.ts";

/** What a runtime says of the sandboxes that carry glue's labels. */
export interface Answer {
  readonly sandboxes: readonly OwnedSandbox[];
  /** Why it could not be asked, where it is one that should answer: what it holds is then unknown, not nothing. */
  readonly unknown?: string;
}

/** These say that the runtime is not in use here: not part of this glue, not configured, or nothing listens. */
const NOT_HERE: ReadonlySet<GlueError["code"]> = new Set([
  "runtimeNotAvailable",
  "secretMissing",
  "runtimeNotListening",
]);

/** Asks one runtime for everything of ours that it holds. */
export async function askRuntime(id: RuntimeId, resolved: Resolved): Promise<Answer> {
  try {
    const runtime = await loadRuntime(id);
    demand(resolved, id);
    return { sandboxes: await runtime.listOwned(resolved.options) };
  } catch (error) {
    if (!isGlueError(error)) throw error;
    return NOT_HERE.has(error.code) ? { sandboxes: [] } : { sandboxes: [], unknown: error.message };
  }
}
