import { GlueError, type SandboxHandle } from "../contract.ts";
import { containerName, PRIVATE } from "./create.ts";
import { type Endpoint, parseAddress } from "./endpoint.ts";

/** What is known of a session's container: all of it is in the handle, so that any process can work with it. */
export interface Place {
  /** The engine's id of the container. */
  readonly container: string;
  readonly name: string;
  readonly sessionId: string;
  /** The session that its labels name: the one it was made for, where another has taken it over. */
  readonly labeled: string;
  readonly mode: "direct" | "copy";
  readonly sh: string;
  /** The process in the container that keeps it up; 1 where there is no init. */
  readonly main: number;
  /** The home folder for a user that has none in the image. */
  readonly home: string | undefined;
  /** The folder of this machine by which a shell in the container takes commands; undefined where there is none. */
  readonly lane: string | undefined;
  /** That shell, as `PID:START`, START being the kernel's time of its start. */
  readonly laneShell: string | undefined;
  /** True where what the container makes in the tree belongs to the tree's owner from the start, or there is none. */
  readonly owned: boolean;
}

/** The spool of the launcher in every container. */
export const SPOOL = `${PRIVATE}/spool`;
/** The launcher's text in every container. */
export const LAUNCHER_FILE = `${PRIVATE}/launch.sh`;

/** The facts of an endpoint that another process needs. */
export function endpointData(endpoint: Endpoint): Record<string, string> {
  return {
    engine: endpoint.url,
    ...(endpoint.tlsDir === undefined
      ? {}
      : { tlsDir: endpoint.tlsDir, tlsVerify: String(endpoint.tlsVerify ?? true) }),
  };
}

export function endpointFrom({ data }: SandboxHandle): Endpoint | undefined {
  if (data.engine === undefined) return undefined;
  const endpoint = parseAddress(data.engine, "the session's record");
  return data.tlsDir === undefined
    ? endpoint
    : { ...endpoint, tlsDir: data.tlsDir, tlsVerify: data.tlsVerify !== "false" };
}

export function placeData(place: Place, endpoint: Endpoint, apiVersion: string): Record<string, string> {
  return {
    ...endpointData(endpoint),
    api: apiVersion,
    session: place.sessionId,
    ...(place.labeled === place.sessionId ? {} : { labeled: place.labeled }),
    mode: place.mode,
    sh: place.sh,
    main: String(place.main),
    owned: String(place.owned),
    ...(place.home === undefined ? {} : { home: place.home }),
    ...(place.lane === undefined ? {} : { lane: place.lane }),
    ...(place.laneShell === undefined ? {} : { laneShell: place.laneShell }),
  };
}

/** Throws `sessionDamaged` where the handle lacks what an open session's has. */
export function placeFrom({ id, name, data }: SandboxHandle): Place {
  const { session, labeled = session, mode, sh, main = "1", home, lane, laneShell, owned } = data;
  if (
    id === undefined ||
    session === undefined ||
    labeled === undefined ||
    sh === undefined ||
    (mode !== "direct" && mode !== "copy")
  ) {
    throw new GlueError("sessionDamaged", `The record of the container ${name} is not whole.`, {
      hint: `It was never open, or something changed the record. glue prune finds ${containerName(session ?? "…")} by its labels.`,
    });
  }
  return {
    container: id,
    name,
    sessionId: session,
    labeled,
    mode,
    sh,
    main: Number(main),
    home,
    lane,
    laneShell,
    owned: owned === "true",
  };
}
