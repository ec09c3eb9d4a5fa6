import { type Ask, FREE, LOOSE, takeHold } from "../common/holder.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { GlueError, type OpenContext, type Options } from "../contract.ts";
import { runScript } from "./exec.ts";
import { listed } from "./listed.ts";
import type { Place } from "./place.ts";
import { ModalSession } from "./session.ts";
import { setUp } from "./setup.ts";
import type { Sidecar } from "./sidecar.ts";

const SECONDS = 60;

/**
 * Takes over a sandbox that an earlier session of glue's kept, by its id or the name that session gave it, and prepares it for another
 * session. Its workspace, its tags and its end stay as they are: who uses it is written into it.
 */
export async function takeOver(
  sidecar: Sidecar,
  named: string,
  options: Options,
  context: OpenContext,
): Promise<ModalSession> {
  const { sessionId, progress, signal } = context;
  const found = (await listed(sidecar, options)).find(({ handle }) => handle.id === named || handle.name === named);
  if (found === undefined) {
    throw new GlueError("sandboxGone", `The App ${options["modal.app_name"]} has no sandbox ${named} of glue's.`, {
      hint: "One that was kept ends modal.sandbox_timeout_seconds after it was made; what glue did not make is not taken over.",
    });
  }
  const { name, id = named } = found.handle;
  progress({ what: `sandbox ${name}: reaching` });
  await sidecar.request("reach the sandbox", "attach", { sandbox: id }, { signal });
  const place: Place = { sessionId, id, name, ...(await setUp(sidecar, "of the sandbox that was kept")) };
  const ask = asking(sidecar, place);
  await takeHold((script, ...words) => ask(script, place.private, ...words), `The sandbox ${name}`, found, context);
  try {
    if (signal?.aborted) throw new GlueError("cancelled", "Interrupted while the sandbox was prepared.");
    if ((await ask(LOOSE, WORKSPACE)).startsWith("loose")) {
      throw new GlueError(
        "workspaceDirty",
        `The sandbox ${name} has files in ${WORKSPACE} that are in no git repository.`,
        { hint: `Save them with Modal's own tools (modal shell ${id}), or end the sandbox.` },
      );
    }
    return new ModalSession(sidecar, place, options);
  } catch (error) {
    // The first failure is the one to tell; who holds a sandbox in vain is found out by the next.
    await setFree(sidecar, place).catch(() => undefined);
    throw error;
  }
}

/** Says that nobody uses a sandbox any more, before it is left. */
export async function setFree(sidecar: Sidecar, place: Place): Promise<void> {
  await asking(sidecar, place)(FREE, place.private);
}

function asking(sidecar: Sidecar, { sh, name }: Place): Ask {
  return async (script, ...words) => {
    const argv = [sh, "-c", script, "glue", ...words];
    const { code, stdout, stderr } = await runScript(sidecar, argv, { timeout: SECONDS });
    if (code === 0) return stdout.toString().trimEnd();
    throw new GlueError("ioFailed", `The sandbox ${name} cannot be prepared: ${stderr.trim() || `exit code ${code}`}`);
  };
}
