import type { ByteStream } from "../contract.ts";
import type { Endpoint } from "./endpoint.ts";

/** A call of the Engine API. */
export interface EngineRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD";
  /** Without the version, for instance `/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Until the answer has begun; for `json()` and `text()`, until it has ended. Milliseconds. */
  readonly deadlineMs?: number;
  /** Ends the call and the reading of its answer. */
  readonly signal?: AbortSignal;
}

/** A call whose answer is short. `path` is with the version. */
export interface Post {
  readonly path: string;
  readonly json: unknown;
}

/** An answer, whatever its status. `stream()` has no deadline but `signal`. */
export interface EngineAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  text(): Promise<string>;
  stream(): ByteStream;
}

/** A connection that the engine has handed over: bytes both ways. */
export interface EngineStream {
  /** The next bytes, or undefined at their end. Nothing much is read ahead: an engine nobody reads from has to wait. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when the bytes are passed on. Rejects when nobody takes them any more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our side: the process sees the end of its stdin. */
  endInput(): void;
  /** Closes the connection. The process at the other end goes on. */
  destroy(): void;
}

/**
 * The wire to one engine. Failures to reach it are `GlueError`s (`runtimeNotListening`, `permissionDenied`, `runtimeUnreachable`);
 * what the engine itself answers is for the caller to judge.
 */
export interface Engine {
  readonly endpoint: Endpoint;
  request(request: EngineRequest): Promise<EngineAnswer>;
  /** Something will be asked soon: a connection that takes time may begin now. */
  prepare?(): void;
  /**
   * Makes something by one POST, and takes the connection over by a second one, which the first one's answer leads to. Throws `EngineError`
   * where the engine refuses.
   */
  hijack(make: Post, start: (answer: string) => Post): Promise<EngineStream>;
}

/** The engine's own refusal: its status and its words. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A call's deadline where it names none: long enough for a loaded machine, short enough to be waited for. Milliseconds. */
export const DEADLINE_MS = 30_000;
/** The deadline of a first contact, which does no work. Milliseconds. */
export const CONTACT_MS = 10_000;

/** Reaches the engine at `endpoint`; nothing is sent yet. */
export async function connectEngine(endpoint: Endpoint): Promise<Engine> {
  if (endpoint.kind === "unix") return new (await import("./unix-engine.ts")).UnixEngine(endpoint);
  return (await import("./remote-engine.ts")).remoteEngine(endpoint);
}

/** `path` with its query. */
export function withQuery(path: string, query: EngineRequest["query"] = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value);
  const text = parameters.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** The words of an error answer: its JSON's `message`, else its text. */
export function messageOf(status: number, body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && "message" in value && typeof value.message === "string") {
      return value.message.trim();
    }
  } catch {
    // Not JSON, for instance from a proxy in between: then its text is all there is.
  }
  return body.trim().slice(0, 500) || `HTTP status ${status}`;
}
