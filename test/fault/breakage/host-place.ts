import { renameSync } from "node:fs";
import { join } from "node:path";
import { keeperOf } from "./home.ts";
import type { Place } from "./place.ts";

/** A copy in a folder of this machine. The stranger is a process with the mark of another session. */
export function hostPlace(): Place {
  const stranger = Bun.spawn(["sleep", "600"], {
    env: { GLUE_COMMAND: "another-session_1" },
    stdio: ["ignore", "ignore", "ignore"],
  });
  return {
    args: ["-r", "host", "--copy"],
    env: {
      GIT_AUTHOR_NAME: "A",
      GIT_AUTHOR_EMAIL: "a@example.com",
      GIT_COMMITTER_NAME: "A",
      GIT_COMMITTER_EMAIL: "a@example.com",
    },
    async breakIt(kind, { home, meta }) {
      if (kind !== "the copy's folders removed") throw new Error(kind);
      const keeper = keeperOf(home, meta.id);
      if (keeper !== undefined) process.kill(keeper.pid, "SIGKILL");
      // At once, while the work goes on in what is no longer there.
      for (const name of ["workspace", "private"])
        renameSync(join(home.sessions, meta.id, name), join(home.root, `gone-${name}`));
      return undefined;
    },
    left: async () => [],
    strangerLives: async () => stranger.exitCode === null && stranger.signalCode === null,
    async stop() {
      stranger.kill("SIGKILL");
      await stranger.exited;
    },
  };
}
