import {
  type Check,
  GlueError,
  type OpenContext,
  type Options,
  type OwnedSandbox,
  type Progress,
  type Runtime,
  type RuntimeSession,
  type SandboxHandle,
} from "../contract.ts";
import type { SandboxRecord } from "./control-plane.ts";
import { connect, enter, enterNew, makeSession } from "./enter.ts";
import { labelsOf, MARK, readLabels } from "./labels.ts";
import { createBody, createSandbox, removeFailed, untilStarted } from "./lifecycle.ts";
import { wishesOf } from "./options.ts";
import { placeFrom } from "./place.ts";
import { retire } from "./session.ts";

/** Sandboxes of Daytona, by its control plane and each sandbox's toolbox. */
export class DaytonaRuntime implements Runtime {
  readonly id = "daytona";
  readonly takesOver = true;

  plan(_options: Options, { sessionId, attach }: OpenContext): SandboxHandle {
    return { runtime: "daytona", name: attach ?? nameOf(sessionId), data: { sessionId } };
  }

  /** Options first: what cannot be used is refused before anything is created. */
  async open(options: Options, context: OpenContext): Promise<RuntimeSession> {
    const { sessionId, owner, progress, signal, attach } = context;
    if (signal?.aborted) throw new GlueError("cancelled", "Interrupted before the sandbox was created.");
    const wishes = wishesOf(options);
    const { transport, control } = connect(options);
    const name = nameOf(sessionId);
    try {
      if (attach !== undefined) {
        const { takeOver } = await import("./take-over.ts");
        return await takeOver({ transport, control }, attach, options, context);
      }
      const body = createBody(name, labelsOf(sessionId, owner, !options["daytona.delete_on_close"]), wishes);
      progress({
        what: `sandbox ${name}: creating (stops after ${wishes.autoStopMinutes} idle minutes, deleted ${lasting(wishes.lifetimeMinutes)} later)`,
      });
      const record = await createSandbox(control, name, body);
      const how = { options, sessionId, name, fresh: true, signal };
      return await enterNew({ transport, control }, record, how, progress).catch(async (error: unknown) => {
        await removeFailed(control, record, error);
        throw error;
      });
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  /** A sandbox that was stopped is started again: its files are still there. */
  async attach(handle: SandboxHandle, options: Options): Promise<RuntimeSession> {
    const { transport, control } = connect(options);
    const place = placeFrom(handle);
    try {
      const found = await control.find(handle.id ?? handle.name).catch((error: unknown) => {
        throw control.explain("cannot say how the sandbox is", error);
      });
      if (found === undefined) {
        throw new GlueError("sandboxGone", `The sandbox ${handle.name} no longer exists; it was deleted.`, {
          hint: "Start a new session; glue session recover brings back what was saved.",
        });
      }
      if (found.state === "started" && place !== undefined) return makeSession({ transport, control }, place, options);
      const record = found.state === "started" ? found : await untilStarted(control, found.id, quiet, undefined);
      const sessionId = handle.data.sessionId ?? readLabels(record.labels)?.sessionId ?? handle.name;
      return await enter({ transport, control }, record, {
        options,
        sessionId,
        name: handle.name,
        fresh: false,
        signal: undefined,
      });
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  async diagnose(options: Options): Promise<Check[]> {
    const { diagnose } = await import("./diagnose.ts");
    return await diagnose(options);
  }

  async listOwned(options: Options): Promise<OwnedSandbox[]> {
    const { transport, control } = connect(options);
    try {
      const records = await control.list(MARK).catch((error: unknown) => {
        throw control.explain("did not list the sandboxes", error);
      });
      return records.flatMap((record) => ownedOf(record) ?? []);
    } finally {
      await transport.close();
    }
  }

  async release(handle: SandboxHandle, options: Options): Promise<void> {
    const { transport, control } = connect(options);
    try {
      await retire(control, handle.id ?? handle.name, options);
    } finally {
      await transport.close();
    }
  }
}

/** Unique among the organization's sandboxes: what a lost create is looked up by. */
function nameOf(sessionId: string): string {
  return `glue-${sessionId}`;
}

function ownedOf(record: SandboxRecord): OwnedSandbox | undefined {
  const labels = readLabels(record.labels);
  if (labels === undefined) return undefined;
  const name = record.name ?? nameOf(labels.sessionId);
  const { sessionId, kept, owner } = labels;
  const data = { sessionId, ...(kept ? { kept: "true" } : {}) };
  const handle: SandboxHandle = { runtime: "daytona", id: record.id, name, data };
  const created = record.createdAt ? new Date(record.createdAt) : undefined;
  return {
    handle,
    sessionId,
    owner,
    state: record.state,
    ...(created === undefined || Number.isNaN(created.getTime()) ? {} : { createdAt: created }),
  };
}

function lasting(minutes: number): string {
  return minutes % 1_440 === 0 ? `${minutes / 1_440} days` : `${minutes} minutes`;
}

const quiet: Progress = () => undefined;
