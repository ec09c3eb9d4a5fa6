import {
  type Check,
  GlueError,
  type OpenContext,
  type Options,
  type OwnedSandbox,
  type Progress,
  type Runtime,
  type RuntimeSession,
  type SandboxDeath,
  type SandboxHandle,
} from "../contract.ts";
import { ControlPlane, type SandboxRecord } from "./control-plane.ts";
import { labelsOf, MARK, readLabels } from "./labels.ts";
import { createBody, createSandbox, removeSandbox, untilStarted } from "./lifecycle.ts";
import { apiKeyOf, wishesOf } from "./options.ts";
import { type Place, placeFrom } from "./place.ts";
import { DaytonaSession, retire } from "./session.ts";
import { setUp } from "./setup.ts";
import { Toolbox } from "./toolbox.ts";
import { Transport } from "./transport.ts";

/** Sandboxes of Daytona, by its control plane and each sandbox's toolbox. */
export class DaytonaRuntime implements Runtime {
  readonly id = "daytona";

  plan(_options: Options, { sessionId }: OpenContext): SandboxHandle {
    return { runtime: "daytona", name: nameOf(sessionId), data: { sessionId } };
  }

  /** Options first: what cannot be used is refused before anything is created. */
  async open(options: Options, context: OpenContext): Promise<RuntimeSession> {
    const { sessionId, owner, progress, signal } = context;
    if (signal?.aborted) throw new GlueError("cancelled", "Interrupted before the sandbox was created.");
    const wishes = wishesOf(options);
    const { transport, control } = connect(options);
    const name = nameOf(sessionId);
    try {
      const body = createBody(name, labelsOf(sessionId, owner), wishes);
      progress({
        what: `sandbox ${name}: creating (stops after ${wishes.autoStopMinutes} idle minutes, deleted ${lasting(wishes.lifetimeMinutes)} later)`,
      });
      const record = await createSandbox(control, name, body, progress, signal);
      try {
        return await this.#enter(transport, control, record, { options, sessionId, name, fresh: true, signal });
      } catch (error) {
        await removeSandbox(control, record.id);
        throw error;
      }
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
      if (found.state === "started" && place !== undefined) return makeSession(transport, control, place, options);
      const record = found.state === "started" ? found : await untilStarted(control, found.id, quiet, undefined);
      const sessionId = handle.data.sessionId ?? readLabels(record.labels)?.sessionId ?? handle.name;
      return await this.#enter(transport, control, record, {
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

  /** Waits for the toolbox of a started sandbox and prepares it. */
  async #enter(
    transport: Transport,
    control: ControlPlane,
    record: SandboxRecord,
    how: { options: Options; sessionId: string; name: string; fresh: boolean; signal: AbortSignal | undefined },
  ): Promise<RuntimeSession> {
    const { options, sessionId, name, fresh, signal } = how;
    const base =
      options["daytona.toolbox_base_url"] ?? (record.toolboxProxyUrl || (await control.toolboxUrl(record.id)));
    const url = `${base.replace(/\/+$/, "")}/${record.id}`;
    const toolbox = new Toolbox(transport, control, { id: record.id, name, url }, () => undefined);
    const inside = await setUp(toolbox, fresh, signal);
    return makeSession(transport, control, { sessionId, id: record.id, name, url, ...inside }, options);
  }
}

function makeSession(transport: Transport, control: ControlPlane, place: Place, options: Options): RuntimeSession {
  const death = Promise.withResolvers<SandboxDeath>();
  const { id, name, url } = place;
  const toolbox = new Toolbox(transport, control, { id, name, url }, death.resolve);
  return new DaytonaSession({ transport, control, toolbox, place, died: death.promise, options });
}

function connect(options: Options): { transport: Transport; control: ControlPlane } {
  const transport = new Transport(apiKeyOf(options));
  return { transport, control: new ControlPlane(transport, options["daytona.api_base_url"]) };
}

/** Unique among the organization's sandboxes: what a lost create is looked up by. */
function nameOf(sessionId: string): string {
  return `glue-${sessionId}`;
}

function ownedOf(record: SandboxRecord): OwnedSandbox | undefined {
  const labels = readLabels(record.labels);
  if (labels === undefined) return undefined;
  const name = record.name ?? nameOf(labels.sessionId);
  const handle: SandboxHandle = { runtime: "daytona", id: record.id, name, data: { sessionId: labels.sessionId } };
  const created = record.createdAt ? new Date(record.createdAt) : undefined;
  return {
    handle,
    ...labels,
    state: record.state,
    ...(created === undefined || Number.isNaN(created.getTime()) ? {} : { createdAt: created }),
  };
}

function lasting(minutes: number): string {
  return minutes % 1_440 === 0 ? `${minutes / 1_440} days` : `${minutes} minutes`;
}

const quiet: Progress = () => undefined;
