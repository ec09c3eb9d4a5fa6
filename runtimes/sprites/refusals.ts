import { GlueError, type Owner } from "../contract.ts";
import { parseLease } from "./lease.ts";

/** Why a resumed sprite with work in it that no commit holds is not taken. */
export function inTheWay(name: string, how: "dirty" | "loose"): GlueError {
  const destroy = `To give that work up: sprite destroy ${name}`;
  if (how === "loose") {
    return new GlueError(
      "workspaceDirty",
      `Sprite "${name}" has files in /workspace that are in no git repository. Move them away or commit them inside the sandbox before resuming.`,
      {
        hint: destroy,
      },
    );
  }
  const message = `Sprite "${name}" has uncommitted changes from a previous session in
/workspace. Commit or export them inside the sandbox before resuming,
e.g.:
  sprite exec ${name} -- bash -lc "cd /workspace && git add -A && \\
    git commit -m 'resume baseline'"`;
  const today = `With today's sprite CLI: sprite -s ${name} exec -- bash -lc "cd /workspace && git add -A && git commit -m 'resume baseline'"`;
  return new GlueError("workspaceDirty", message, { hint: `${today}\n${destroy}` });
}

/** Why a sprite that another session uses is not taken. `text` is that session's lease, as it lies in the sprite. */
export function heldBy(name: string, text: string, self: Owner): GlueError {
  const lease = parseLease(text);
  const clear = `sprite -s ${name} exec -- sh -c 'rm "$HOME/.glue-sandbox/lease"'`;
  if (lease === undefined) {
    return new GlueError("sandboxBusy", `Sprite "${name}" is in use, by whom cannot be read.`, {
      hint: `If nobody uses it: ${clear}`,
    });
  }
  const { owner, sessionId } = lease;
  if (owner.host !== self.host) {
    return new GlueError("sandboxBusy", `Sprite "${name}" is in use by session ${sessionId} of another machine.`, {
      hint: `Close it there (glue session close ${sessionId}). If that machine is gone: ${clear}`,
    });
  }
  const whose = owner.kind === "process" ? ` (process ${owner.pid})` : "";
  return new GlueError("sandboxBusy", `Sprite "${name}" is in use by session ${sessionId}${whose} of this machine.`, {
    hint: `Close it first: glue session close ${sessionId}. If its process died, glue prune saves its change. If it is another home's and over: ${clear}`,
  });
}
