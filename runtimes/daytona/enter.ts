import type { Options, Progress, SandboxDeath } from "../contract.ts";
import { ControlPlane, type SandboxRecord } from "./control-plane.ts";
import { untilStarted } from "./lifecycle.ts";
import { apiKeyOf } from "./options.ts";
import type { Place } from "./place.ts";
import { DaytonaSession } from "./session.ts";
import { setUp } from "./setup.ts";
import { NotYet, Toolbox } from "./toolbox.ts";
import { Transport } from "./transport.ts";

/** How long the service's proxy goes by a refusal of a key, whatever the key may do by then. */
const REFUSAL_KEPT_MS = 5_000;

/** The service, as one use of it sees it. */
export interface Service {
  readonly transport: Transport;
  readonly control: ControlPlane;
}

export function connect(options: Options): Service {
  const transport = new Transport(apiKeyOf(options));
  return { transport, control: new ControlPlane(transport, options["daytona.api_base_url"]) };
}

export interface Entering {
  readonly options: Options;
  readonly sessionId: string;
  readonly name: string;
  /** Whether it was made for this session: then what its workspace holds came with its snapshot. */
  readonly fresh: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Prepares a sandbox that is started, as soon as its toolbox answers. */
export async function enter(service: Service, record: SandboxRecord, how: Entering): Promise<DaytonaSession> {
  return await prepare(service, record, how, false);
}

/**
 * Enters a sandbox that was created just now, and may not be up yet. The service mostly answers a create when the sandbox is up and still
 * tells the state it had before, so it is entered on that chance first: a request less, and the same wait as ever where it is not up.
 */
export async function enterNew(
  service: Service,
  created: SandboxRecord,
  how: Entering,
  progress: Progress,
): Promise<DaytonaSession> {
  try {
    return await prepare(service, created, how, true);
  } catch (error) {
    if (!(error instanceof NotYet)) throw error;
    const started = await untilStarted(service.control, created.id, progress, how.signal);
    if (error.status === 401 || error.status === 403) await Bun.sleep(REFUSAL_KEPT_MS);
    return await prepare(service, started, how, false);
  }
}

/** `once`: one try, `NotYet` where the sandbox does not answer. */
async function prepare(
  service: Service,
  record: SandboxRecord,
  { options, sessionId, name, fresh, signal }: Entering,
  once: boolean,
): Promise<DaytonaSession> {
  const { transport, control } = service;
  const told = options["daytona.toolbox_base_url"] ?? record.toolboxProxyUrl;
  if (!told && once) throw new NotYet();
  const base =
    told ||
    (await control.toolboxUrl(record.id).catch((error: unknown) => {
      throw control.explain("did not say where the sandbox is reached", error);
    }));
  const url = `${base.replace(/\/+$/, "")}/${record.id}`;
  const toolbox = new Toolbox(transport, control, { id: record.id, name, url }, () => undefined);
  const inside = await setUp(toolbox, { fresh, signal, once });
  return makeSession(service, { sessionId, id: record.id, name, url, ...inside }, options);
}

/** A session on a sandbox that is prepared. */
export function makeSession({ transport, control }: Service, place: Place, options: Options): DaytonaSession {
  const death = Promise.withResolvers<SandboxDeath>();
  const { id, name, url } = place;
  const toolbox = new Toolbox(transport, control, { id, name, url }, death.resolve);
  return new DaytonaSession({ transport, control, toolbox, place, died: death.promise, options });
}
