import { quote } from "../common/command-line.ts";
import { type Ask, FREE, LOOSE, takeHold } from "../common/holder.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { GlueError, type OpenContext, type Options } from "../contract.ts";
import { enter, type Service } from "./enter.ts";
import { readLabels } from "./labels.ts";
import { stopSandbox, untilStarted } from "./lifecycle.ts";
import type { Place } from "./place.ts";
import type { DaytonaSession } from "./session.ts";
import type { Toolbox } from "./toolbox.ts";

/**
 * Takes over a sandbox that an earlier session of glue's kept: starts it where it is stopped, and prepares it for another session. Its
 * workspace stays as it is, and so do its labels, by which others find the session that made it: who uses it is written into it.
 */
export async function takeOver(
  service: Service,
  named: string,
  options: Options,
  context: OpenContext,
): Promise<DaytonaSession> {
  const { control } = service;
  const { sessionId, progress, signal } = context;
  const found = await control.find(named).catch((error: unknown) => {
    throw control.explain("cannot say how the sandbox is", error);
  });
  if (found === undefined) {
    throw new GlueError("sandboxGone", `There is no sandbox ${named}.`, {
      hint: "The dashboard lists them; one that was kept is deleted daytona.lifetime_minutes after it was stopped.",
    });
  }
  const name = found.name ?? named;
  const labels = readLabels(found.labels);
  if (labels === undefined) {
    throw new GlueError("notSupported", `The sandbox ${name} was not made by glue, so glue does not take it over.`, {
      hint: "One that a session kept can be: daytona.delete_on_close: false keeps it.",
    });
  }
  const ran = found.state === "started";
  let session: DaytonaSession | undefined;
  let held = false;
  try {
    const record = ran ? found : await untilStarted(control, found.id, progress, signal);
    session = await enter(service, record, { options, sessionId, name, fresh: false, signal });
    const ask = asking(session.toolbox);
    const { own } = session.place;
    await takeHold((script, ...words) => ask(script, own, ...words), `The sandbox ${name}`, labels, context);
    held = true;
    if (signal?.aborted) throw new GlueError("cancelled", "Interrupted while the sandbox was prepared.");
    if ((await ask(LOOSE, WORKSPACE)).startsWith("loose")) {
      throw new GlueError(
        "workspaceDirty",
        `The sandbox ${name} has files in ${WORKSPACE} that are in no git repository.`,
        { hint: "Save them through the dashboard's terminal, or delete the sandbox there." },
      );
    }
    return session;
  } catch (error) {
    const busy = error instanceof GlueError && error.code === "sandboxBusy";
    if (session !== undefined && held) await setFree(session.toolbox, session.place).catch(ignore);
    if (!ran && !busy) await stopSandbox(control, found.id).catch(ignore);
    throw error;
  }
}

/** Says that nobody uses a sandbox any more, before it is left. */
export async function setFree(toolbox: Toolbox, { own }: Place): Promise<void> {
  await asking(toolbox)(FREE, own);
}

function asking(toolbox: Toolbox): Ask {
  return async (script, ...words) => {
    const said = ["sh", "-c", script, "glue", ...words].map(quote).join(" ");
    // What it prints is told from the frame around it by its length.
    const text = `glue_said=$(${said} </dev/null; echo "$?.")\necho ':glue:'\nprintf '%s\\n' "$glue_said"\necho ':end:'\n`;
    const answer = (await toolbox.execute(text, { seconds: 30 })).trimEnd();
    const status = /(\d+)\.$/.exec(answer);
    if (status?.[1] === "0") return answer.slice(0, -2);
    throw new GlueError("ioFailed", `The sandbox ${toolbox.facts.name} cannot be prepared: ${answer}`);
  };
}

/** What went wrong before is what gets reported. */
function ignore(): void {
  return;
}
