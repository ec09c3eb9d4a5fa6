import { WORKSPACE } from "../common/sandbox-path.ts";
import type { ContainerState, DockerApi } from "./api.ts";
import { PRIVATE } from "./create.ts";
import { runScript } from "./exec.ts";
import { LANE_TARGET } from "./lane/folder.ts";

/** Whatever it has got to by then, the engine does the rest. */
const MOST_MS = 2_000;

/** Four at once, because a disk that is told of each block that is free again answers each time. Without such an xargs one does it all. */
const SCRIPT = `cd "$1" && find . -xdev -mindepth 2 -maxdepth 2 -print0 2>/dev/null | xargs -0 -r -n 12 -P 4 rm -rf -- 2>/dev/null
cd /
rm -rf "$1" "$2"
`;

/**
 * Removes the tree of a copy inside its container, shortly before that is removed: files that have not reached the disk yet need never get there
 * then, while the engine has all of them written when it unmounts the container's file system, and removes them one by one after that.
 * Does nothing where anything of this machine but the lane is mounted, and never fails: the container goes all the same.
 */
export async function emptyCopy(api: DockerApi, { Id, State, Mounts }: ContainerState, lane: string): Promise<void> {
  if (!State.Running || Mounts.some((mount) => mount.Destination !== LANE_TARGET)) return;
  try {
    await runScript(
      api,
      { container: Id, lane },
      { script: SCRIPT, words: [WORKSPACE, `${PRIVATE}/git`], user: "0" },
      MOST_MS,
    );
  } catch {
    // It took too long, or the container is gone.
  }
}
