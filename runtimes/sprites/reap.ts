import { isGlueError, type Options, type OwnedSandbox, type SandboxHandle } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import { cliError } from "./cli-errors.ts";
import { destroy, exists } from "./destroy.ts";
import { NAME_PREFIX } from "./place.ts";
import { readLease } from "./read-lease.ts";
import { SpriteSession } from "./session.ts";

/** Sprites that are asked for their lease at a time: each of them wakes up for it. */
const AT_A_TIME = 4;

/**
 * Every sprite that was made for a session, by its name. Who answers for it stands inside; where that cannot be read, nothing is proven.
 * A sprite that the user named is never among them.
 */
export async function listOwned(cli: SpriteCli): Promise<OwnedSandbox[]> {
  const { code, stdout, stderr } = await cli.list(NAME_PREFIX);
  if (code !== 0) throw cliError("The sprites cannot be listed", stderr);
  const names = stdout
    .toString()
    .split("\n")
    .filter((line) => line.startsWith(NAME_PREFIX) && !line.includes(" "));
  const owned: OwnedSandbox[] = [];
  for (let at = 0; at < names.length; at += AT_A_TIME) {
    owned.push(...(await Promise.all(names.slice(at, at + AT_A_TIME).map((name) => look(cli, name)))));
  }
  return owned;
}

async function look(cli: SpriteCli, name: string): Promise<OwnedSandbox> {
  const handle: SandboxHandle = { runtime: "sprites", id: name, name, data: { named: "false" } };
  const found = await readLease(cli, name);
  // Of one that does not answer nothing is proven; nor of one without a lease.
  const lease = typeof found === "object" ? found : undefined;
  const sessionId = lease?.sessionId ?? name.slice(NAME_PREFIX.length);
  return {
    handle,
    sessionId,
    owner: lease?.ours === true ? lease.owner : undefined,
    state: lease === undefined ? "no lease" : "leased",
  };
}

/**
 * Ends the sprite of a handle. One that the user named, and that no record says was made for the session, is not glue's to end: it is only set
 * free. Nor is one that another session has taken over.
 */
export async function release(cli: SpriteCli, handle: SandboxHandle, options: Options): Promise<void> {
  if (handle.data.named !== "true") return await destroy(cli, handle.id ?? handle.name);
  // Only intended: nothing of it was changed yet.
  if (handle.id === undefined) return;
  const session = new SpriteSession(cli, handle, options);
  if (!session.resumed) return await session.close();
  try {
    await session.killAll();
    await session.leave();
  } catch (error) {
    if (!isGlueError(error, "sandboxGone")) throw error;
  }
}

/**
 * What is to be said of a sprite that the user named when glue died while it opened it: a sprite has no mark of who made it before it has a
 * lease, so nobody can tell whether it was there before.
 */
export async function spared(cli: SpriteCli, handle: SandboxHandle): Promise<string | undefined> {
  if (handle.data.named !== "true" || handle.id !== undefined || !(await exists(cli, handle.name))) return undefined;
  const lease = await readLease(cli, handle.name);
  // Another session has it by now.
  if (typeof lease === "object" && lease.sessionId !== handle.data.session) return undefined;
  return `the sprite ${handle.name} may have been made by it: the next session of that name uses it, or sprite destroy ${handle.name} ends it`;
}
