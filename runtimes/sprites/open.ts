import { GlueError, type OpenContext, type Options, type RuntimeSession, type SandboxHandle } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import { cliError, failureOf } from "./cli-errors.ts";
import { destroy, exists } from "./destroy.ts";
import { leaseLine, parseLease } from "./lease.ts";
import { type Place, placeData } from "./place.ts";
import { readLease } from "./read-lease.ts";
import { heldBy, inTheWay } from "./refusals.ts";
import { SpriteSession } from "./session.ts";
import { type SetupResult, setUp } from "./setup.ts";

/**
 * Creates a sprite or resumes the one that the user named, and prepares it. Whatever fails, and whenever it is interrupted, a sprite
 * made here does not stay; one that was there before is left as it was.
 */
export async function openSession(
  cli: SpriteCli,
  options: Options,
  context: OpenContext,
  planned: SandboxHandle,
): Promise<RuntimeSession> {
  const { name } = planned;
  const named = planned.data.named === "true";
  const { progress, signal } = context;
  stopIfAborted(signal);
  const there = named && (await exists(cli, name));
  if (!there && context.attach !== undefined) {
    throw new GlueError("sandboxGone", `There is no sprite ${name}.`, {
      hint: "sprite list shows those that are there.",
    });
  }
  const made = there ? false : await create(cli, name, named, progress);
  try {
    stopIfAborted(signal);
    const found = await lease(cli, name, made ? "fresh" : "resumed", named, context);
    const place: Place = {
      name,
      sessionId: context.sessionId,
      private: found.private,
      tools: found.tools,
      spool: `${found.private}/spool`,
      sudo: found.sudo,
      named,
    };
    const handle: SandboxHandle = {
      runtime: "sprites",
      id: name,
      name,
      data: { ...placeData(place), made: String(made) },
    };
    const session = new SpriteSession(cli, handle, options);
    try {
      stopIfAborted(signal);
      if (found.workspace === "dirty" || found.workspace === "loose") throw inTheWay(name, found.workspace);
    } catch (error) {
      // Where even this fails its lease does no harm: the record of this session will say that it is over.
      if (!made) await session.leave().catch(() => undefined);
      throw error;
    }
    return session;
  } catch (error) {
    if (made) await removeMade(cli, name, error, named ? context.sessionId : undefined);
    throw error;
  }
}

/** Waits until the sprite runs commands and takes its lease; another session's is taken over only when that session is proven to be over. */
async function lease(
  cli: SpriteCli,
  name: string,
  how: "fresh" | "resumed",
  named: boolean,
  context: OpenContext,
): Promise<Exclude<SetupResult, { held: string }>> {
  const { sessionId, owner, signal, progress } = context;
  const request = {
    how,
    sessionId,
    lease: leaseLine({ sessionId, owner, ours: !named }),
    onWait: (seconds: number) => progress({ what: `Waiting for the sprite ${name} (${seconds} s)` }),
    ...(signal === undefined ? {} : { signal }),
  };
  progress({ what: how === "fresh" ? "Preparing the sprite" : `Resuming the sprite ${name}` });
  const first = await setUp(cli, name, request);
  if (!("held" in first)) return first;
  const holder = parseLease(first.held);
  if (holder === undefined || context.isOver?.(holder.owner, holder.sessionId) !== true)
    throw heldBy(name, first.held, owner);
  const second = await setUp(cli, name, { ...request, stale: holder.sessionId });
  if ("held" in second) throw heldBy(name, second.held, owner);
  return second;
}

/** True where it was made now; false for a named one that is there all the same: somebody else made it, or the answer was lost. */
async function create(
  cli: SpriteCli,
  name: string,
  named: boolean,
  progress: OpenContext["progress"],
): Promise<boolean> {
  progress({ what: "Creating the sprite" });
  const { code, stderr } = await cli.create(name);
  if (code === 0) return true;
  const failure = failureOf(stderr);
  const refused = failure === "loggedOut" || failure === "capacity";
  if (named && !refused && (failure === "exists" || (await exists(cli, name)))) return false;
  const error =
    failure === "unknown" || failure === "exists"
      ? new GlueError("sandboxCreateFailed", cliError(`The sprite ${name} could not be created`, stderr).message, {
          cause: stderr,
        })
      : cliError(`The sprite ${name} could not be created`, stderr);
  // Nobody else's sprite has a name that was made for this session: one that is there was made by a call whose answer was lost.
  if (!named && !refused) await removeMade(cli, name, error);
  throw error;
}

/**
 * Destroys what was made before a failure. When that fails too, both are told, and the record of the session finds the sprite again.
 * One that the user named may have become another session's since: `namedFor`, this session, destroys it only where none holds it.
 */
async function removeMade(cli: SpriteCli, name: string, first: unknown, namedFor?: string): Promise<void> {
  try {
    if (!(await exists(cli, name))) return;
    if (namedFor !== undefined) {
      const lease = await readLease(cli, name);
      if (lease === "unknown") throw new GlueError("runtimeUnreachable", "It does not say whether a session uses it.");
      if (lease !== "none" && lease.sessionId !== namedFor) return;
    }
    await destroy(cli, name);
  } catch (second) {
    const why = second instanceof Error ? second.message : String(second);
    throw new GlueError(
      "runtimeUnreachable",
      `${first instanceof Error ? first.message : first} The sprite ${name} may still be there: ${why}`,
      {
        hint:
          namedFor === undefined
            ? `glue prune releases it, or sprite destroy ${name}.`
            : `If no other session uses it: sprite destroy ${name}`,
        cause: first,
      },
    );
  }
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new GlueError("cancelled", "Interrupted while the sprite was opened.", { cause: signal.reason });
}
