import { GlueError, type SandboxHandle } from "../contract.ts";

/** Names that begin so are ours: no user gives one to a sprite that is to last. */
export const NAME_PREFIX = "glue-";

/** What is known of a session's sprite: all of it is in the handle, so that any process can work with it. */
export interface Place {
  readonly name: string;
  readonly sessionId: string;
  /** glue's own folder in the sprite. */
  readonly private: string;
  /** The folder with glue's scripts. */
  readonly tools: string;
  readonly spool: string;
  /** Whether commands may become root without a password. */
  readonly sudo: boolean;
  /** True for a sprite that the user named: what runs there besides glue's commands is not ours to end. */
  readonly named: boolean;
}

export function placeData(place: Place): Record<string, string> {
  return {
    session: place.sessionId,
    private: place.private,
    tools: place.tools,
    sudo: String(place.sudo),
    named: String(place.named),
  };
}

/** Throws `sessionDamaged` where the handle lacks what an open session's has. */
export function placeFrom({ name, data }: SandboxHandle): Place {
  const { session, private: folder, tools, sudo, named } = data;
  if (session === undefined || folder === undefined || tools === undefined) {
    throw new GlueError("sessionDamaged", `The record of the sprite ${name} is not whole.`, {
      hint: "It was never open, or something changed the record. sprite list shows whether the sprite is there.",
    });
  }
  return {
    name,
    sessionId: session,
    private: folder,
    tools,
    spool: `${folder}/spool`,
    sudo: sudo === "true",
    named: named === "true",
  };
}
