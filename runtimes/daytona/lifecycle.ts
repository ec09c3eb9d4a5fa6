import { GlueError, type Progress, type SandboxDeath } from "../contract.ts";
import type { ControlPlane, SandboxRecord } from "./control-plane.ts";
import type { SandboxWishes } from "./options.ts";
import { ServiceError } from "./service-errors.ts";

const START_MS = 180_000;
/** A create whose answer was lost may show up a moment later: lists and look-ups lag behind. */
const LOST_CREATE_MS = 15_000;
const GONE_MS = 60_000;
/** Most sandboxes are started within a fifth of a second, and are asked so often for as long; milliseconds. */
const EAGER_WAIT_MS = 10;
const EAGER_MS = 300;

const FAILED: ReadonlySet<string> = new Set(["error", "build_failed"]);
const GONE: ReadonlySet<string> = new Set(["destroyed", "destroying"]);
const ASLEEP: ReadonlySet<string> = new Set(["stopped", "archived", "paused"]);

/** What `POST /sandbox` is sent. Auto-stop is never 0 (never), and auto-delete never 0 (as soon as stopped). */
export function createBody(
  name: string,
  labels: Readonly<Record<string, string>>,
  wishes: SandboxWishes,
): Record<string, unknown> {
  const { snapshot, target, env, network, autoStopMinutes, lifetimeMinutes } = wishes;
  return {
    name,
    labels: { ...wishes.labels, ...labels },
    env,
    autoStopInterval: autoStopMinutes,
    autoDeleteInterval: lifetimeMinutes,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(target === undefined ? {} : { target }),
    ...network,
  };
}

/** Creates a sandbox, which need not be started yet. One that the service made without saying so is found by its name and adopted. */
export async function createSandbox(
  control: ControlPlane,
  name: string,
  body: Record<string, unknown>,
): Promise<SandboxRecord> {
  try {
    // Not to be cut short: an answer that nobody reads is a sandbox that nobody knows.
    return await control.create(body);
  } catch (error) {
    const found = await findLost(control, name, error);
    if (found === undefined) throw control.explain("did not create the sandbox", error);
    return found;
  }
}

/** Deletes a sandbox whose start failed with `error`, which stays what went wrong unless the sandbox does. */
export async function removeFailed(control: ControlPlane, { id, name }: SandboxRecord, error: unknown): Promise<void> {
  await removeSandbox(control, id).catch((second: unknown) => {
    const why = second instanceof Error ? second.message : String(second);
    throw new GlueError(
      "runtimeUnreachable",
      `The sandbox ${name ?? id} could not be deleted after its start had failed: ${why}`,
      { hint: "glue prune deletes it.", cause: error },
    );
  });
}

/** After a create that failed: the sandbox that was made all the same. Only refusals that come before any making are believed. */
async function findLost(control: ControlPlane, name: string, error: unknown): Promise<SandboxRecord | undefined> {
  if (error instanceof GlueError && error.code !== "runtimeUnreachable") throw error;
  const refused = error instanceof ServiceError && error.status < 500;
  if (refused && error.status !== 400 && error.status !== 409) return undefined;
  const until = performance.now() + (refused ? 0 : LOST_CREATE_MS);
  for (let wait = 250; ; wait = Math.min(wait * 2, 2_000)) {
    try {
      const found = await control.find(name);
      if (found !== undefined) return found;
    } catch (second) {
      if (performance.now() > until) {
        throw new GlueError("outcomeUnknown", `It is unknown whether Daytona created the sandbox ${name}.`, {
          hint: "glue prune finds it by its name and deletes it.",
          cause: second,
        });
      }
    }
    if (performance.now() > until) return undefined;
    await Bun.sleep(wait);
  }
}

/** Waits for `started`, and starts what sleeps. States that are not known here are waited through. */
export async function untilStarted(
  control: ControlPlane,
  id: string,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<SandboxRecord> {
  const began = performance.now();
  let shown = "";
  let asked = false;
  let doubted = false;
  for (let wait = EAGER_WAIT_MS; ; wait = nextWait(wait, performance.now() - began)) {
    if (signal?.aborted) throw new GlueError("cancelled", "Interrupted while the sandbox started.");
    const record = await control.find(id).catch((error: unknown) => {
      throw control.explain("cannot say how the sandbox is", error);
    });
    if (record === undefined) throw new GlueError("sandboxGone", `The sandbox ${id} no longer exists.`);
    const { state } = record;
    if (state === "started") return record;
    if (FAILED.has(state)) {
      // The service corrects itself at times.
      if (doubted)
        throw new GlueError("sandboxCreateFailed", `The sandbox did not start: ${record.errorReason || state}.`);
      doubted = true;
    }
    if (GONE.has(state)) throw new GlueError("sandboxGone", `The sandbox ${record.name ?? id} is being deleted.`);
    if (ASLEEP.has(state) && !asked) {
      asked = true;
      await control.start(id, signal).catch((error: unknown) => {
        throw control.explain("did not start the sandbox", error);
      });
    }
    if (state !== shown) progress({ what: `sandbox ${state}` });
    shown = state;
    if (performance.now() - began > START_MS) {
      throw new GlueError(
        "runtimeUnreachable",
        `The sandbox ${record.name ?? id} is still ${JSON.stringify(state)} after ${START_MS / 1_000} s.`,
      );
    }
    await Bun.sleep(wait);
  }
}

function nextWait(wait: number, waited: number): number {
  return waited < EAGER_MS ? wait : Math.min(waited < 5_000 ? 100 : 1_000, wait * 1.1);
}

/** Deletes a sandbox and waits until it is gone or being deleted. Gone already is done. */
export async function removeSandbox(control: ControlPlane, idOrName: string): Promise<void> {
  try {
    await control.remove(idOrName);
  } catch (error) {
    if (error instanceof ServiceError && error.status === 404) return;
    if (error instanceof ServiceError && error.status === 403) return await stopInstead(control, idOrName, error);
    throw control.explain("did not delete the sandbox", error);
  }
  const until = performance.now() + GONE_MS;
  while (performance.now() < until) {
    const record = await control.find(idOrName).catch(() => ({ state: "unknown" }));
    if (record === undefined || GONE.has(record.state)) return;
    await Bun.sleep(200);
  }
  throw new GlueError("runtimeUnreachable", `The sandbox ${idOrName} is still there a minute after it was deleted.`, {
    hint: "glue prune tries again; the dashboard shows it.",
  });
}

/** A key that may not delete can often stop: then it costs its disk only, until the service deletes it by itself. */
async function stopInstead(control: ControlPlane, idOrName: string, cause: ServiceError): Promise<never> {
  const stopped = await stopSandbox(control, idOrName).then(
    () => "it is stopped",
    (error: unknown) => `stopping it failed as well (${error instanceof Error ? error.message : error})`,
  );
  throw new GlueError("authFailed", `The sandbox ${idOrName} could not be deleted: ${cause.message}; ${stopped}.`, {
    hint: "Give the key the permission delete:sandboxes, then run glue prune.",
    cause,
  });
}

/** Stops a sandbox; its files stay. Stopped or gone already is done. */
export async function stopSandbox(control: ControlPlane, idOrName: string): Promise<void> {
  const record = await control.find(idOrName).catch((error: unknown) => {
    throw control.explain("cannot say how the sandbox is", error);
  });
  if (record === undefined || ASLEEP.has(record.state) || GONE.has(record.state) || record.state === "stopping") return;
  try {
    await control.stop(record.id);
  } catch (error) {
    throw control.explain("did not stop the sandbox", error);
  }
}

/** Why a sandbox in this state runs nothing; undefined where it may, or will soon. */
export function deathIn(record: SandboxRecord | undefined, name: string): SandboxDeath | undefined {
  if (record === undefined) return { reason: `The sandbox ${name} no longer exists; it was deleted.`, final: true };
  if (GONE.has(record.state)) return { reason: `The sandbox ${name} is being deleted.`, final: true };
  if (ASLEEP.has(record.state) || record.state === "stopping" || record.state === "archiving") {
    return {
      reason: `The sandbox ${name} is ${record.state}: it was idle for too long, or somebody stopped it.`,
      final: false,
    };
  }
  if (FAILED.has(record.state))
    return { reason: `The sandbox ${name} failed: ${record.errorReason || record.state}.`, final: false };
  return undefined;
}
