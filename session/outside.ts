import { realpathSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { isInside } from "./host-tree.ts";
import type { Session } from "./session.ts";

/**
 * Refuses a path (absolute, as the sandbox sees it) that lies outside the session's tree where that would be the user's own machine:
 * `outsideWorkspace`. In a sandbox every path is the sandbox's, and is allowed. Links are followed as far as the path exists.
 */
export function refuseOutside(session: Session, path: string): void {
  if (session.runtime.onHost !== true) return;
  const root = realpathSync(session.runtime.paths.workspace);
  if (isInside(realOf(path), root)) return;
  throw new GlueError("outsideWorkspace", `${path} lies outside the session's tree, ${root}.`, {
    hint: "This session runs on your own machine. --allow-outside allows it.",
  });
}

/**
 * Refuses to copy between `here` (on this machine) and `inside` (in the sandbox), both absolute, where both are one place, or one lies in
 * the other, because the session works on the user's files directly: reading what is being replaced would lose it.
 */
export function refuseSamePlace(session: Session, here: string, inside: string): void {
  const { runtime, meta } = session;
  if (!runtime.direct && runtime.onHost !== true) return;
  const { workspace } = runtime.paths;
  if (runtime.onHost !== true && !isInside(inside, workspace)) return;
  const there = realOf(runtime.onHost ? inside : join(meta.tree.top, relative(workspace, inside)));
  const real = realOf(here);
  if (!isInside(real, there) && !isInside(there, real)) return;
  throw new GlueError(
    "optionInvalid",
    `${here} and ${session.id}:${inside} are one place: the session works on your files directly.`,
    {
      hint: "There is nothing to copy. cp copies within your own folder.",
    },
  );
}

/** The real path of what exists of a path, and the rest as it is. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const parent = dirname(path);
    if (parent === path) throw error;
    return join(realOf(parent), basename(path));
  }
}
