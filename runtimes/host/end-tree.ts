/** Ending trees of commands on the host, by the launcher. */
import { existsSync } from "node:fs";
import { killArgv, sweepArgv } from "../common/launch.ts";
import { GlueError } from "../contract.ts";

/**
 * Ends the tree of one command (`kill`, its id), or of all whose ids begin with the given text (`sweep`), and resolves when
 * nothing of it is left. Processes that are not of these trees are never touched.
 */
export async function endTree(how: "kill" | "sweep", mark: string, spool: string, graceMs: number): Promise<void> {
  const place = { sh: hostSh() };
  const argv =
    how === "kill" ? killArgv({ id: mark, spool, graceMs }, place) : sweepArgv({ prefix: mark, spool, graceMs }, place);
  const killer = Bun.spawn(argv, {
    // Not the caller's: it may carry a mark itself.
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
    cwd: "/",
    detached: true,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const code = await killer.exited;
  if (code !== 0) {
    throw new GlueError(
      "processesLeft",
      `Not every process with GLUE_COMMAND=${mark} in its environment could be ended.`,
    );
  }
}

let sh: string | undefined;

/** The host's POSIX shell, absolute, so that a command's own PATH cannot hide it. `sandboxUnusable` where there is none. */
export function hostSh(): string {
  sh ??= existsSync("/bin/sh") ? "/bin/sh" : (Bun.which("sh") ?? undefined);
  if (sh !== undefined) return sh;
  throw new GlueError(
    "sandboxUnusable",
    "There is no sh on this machine, and glue needs one to watch a command on the host.",
    {
      hint: "Install a POSIX shell as /bin/sh, or choose another runtime.",
    },
  );
}
