import { emptyStream } from "../common/empty-stream.ts";
import { GlueError } from "../contract.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  DEADLINE_MS,
  type Engine,
  type EngineAnswer,
  EngineError,
  type EngineRequest,
  type EngineStream,
  type Post,
  withQuery,
} from "./engine.ts";
import { RawConversation } from "./raw-http.ts";
import { unreachable } from "./reach-errors.ts";

/** An engine behind a unix socket, by Bun's own `fetch` and sockets: nothing to import, and back-pressure all the way. */
export class UnixEngine implements Engine {
  readonly endpoint: Endpoint;
  #prepared: RawConversation | undefined;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  async request(request: EngineRequest): Promise<EngineAnswer> {
    const { method, path, query, json, headers, deadlineMs = DEADLINE_MS, signal } = request;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new DOMException("No answer in time.", "TimeoutError")), deadlineMs);
    const failed = (error: unknown) => {
      clearTimeout(timer);
      if (signal?.aborted) return cancelled(signal);
      return unreachable(this.endpoint, deadline.signal.aborted ? deadline.signal.reason : error);
    };
    try {
      const response = await fetch(`http://docker${withQuery(path, query)}`, {
        unix: this.endpoint.path,
        // The default would cut a quiet stream of events after a few minutes.
        timeout: false,
        method,
        signal: signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]),
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        headers: { ...(json === undefined ? {} : { "content-type": "application/json" }), ...headers },
      } as BunFetchRequestInit & { timeout: false });
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        text: async () => {
          try {
            const text = await response.text();
            clearTimeout(timer);
            return text;
          } catch (error) {
            throw failed(error);
          }
        },
        stream: () => {
          clearTimeout(timer);
          return response.body ?? emptyStream();
        },
      };
    } catch (error) {
      throw failed(error);
    }
  }

  prepare(): void {
    this.#prepared ??= new RawConversation(this.endpoint.path);
  }

  async hijack(make: Post, start: (answer: string) => Post): Promise<EngineStream> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    try {
      if (prepared !== undefined) {
        const made = await prepared.post(make, DEADLINE_MS).catch(ifRefused);
        if (made !== undefined) return await prepared.take(start(made), DEADLINE_MS);
      }
      const conversation = new RawConversation(this.endpoint.path);
      return await conversation.take(start(await conversation.post(make, DEADLINE_MS)), DEADLINE_MS);
    } catch (error) {
      if (error instanceof EngineError || error instanceof GlueError) throw error;
      throw unreachable(this.endpoint, error);
    }
  }
}

/** A connection opened beforehand may have gone meanwhile. What was asked for on it is never begun, so it may be asked for again. */
function ifRefused(error: unknown): undefined {
  if (error instanceof EngineError) throw error;
  return undefined;
}

function cancelled(signal: AbortSignal): GlueError {
  return new GlueError("cancelled", "Interrupted while the Docker engine was asked.", { cause: signal.reason });
}
