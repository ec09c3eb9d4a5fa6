import type { Options, SandboxDeath } from "../contract.ts";
import { ControlPlane, type SandboxRecord } from "./control-plane.ts";
import { apiKeyOf } from "./options.ts";
import type { Place } from "./place.ts";
import { DaytonaSession } from "./session.ts";
import { setUp } from "./setup.ts";
import { Toolbox } from "./toolbox.ts";
import { Transport } from "./transport.ts";

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
  const { options, sessionId, name, fresh, signal } = how;
  const { transport, control } = service;
  const base = options["daytona.toolbox_base_url"] ?? (record.toolboxProxyUrl || (await control.toolboxUrl(record.id)));
  const url = `${base.replace(/\/+$/, "")}/${record.id}`;
  const toolbox = new Toolbox(transport, control, { id: record.id, name, url }, () => undefined);
  const inside = await setUp(toolbox, fresh, signal);
  return makeSession(service, { sessionId, id: record.id, name, url, ...inside }, options);
}

/** A session on a sandbox that is prepared. */
export function makeSession({ transport, control }: Service, place: Place, options: Options): DaytonaSession {
  const death = Promise.withResolvers<SandboxDeath>();
  const { id, name, url } = place;
  const toolbox = new Toolbox(transport, control, { id, name, url }, death.resolve);
  return new DaytonaSession({ transport, control, toolbox, place, died: death.promise, options });
}
