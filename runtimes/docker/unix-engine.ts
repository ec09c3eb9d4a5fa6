import { GlueError } from "../contract.ts";
import { emptyStream } from "./empty-stream.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  DEADLINE_MS,
  type Engine,
  type EngineAnswer,
  EngineError,
  type EngineRequest,
  type EngineStream,
  withQuery,
} from "./engine.ts";
import { openRawStream } from "./raw-stream.ts";
import { unreachable } from "./reach-errors.ts";

/** An engine behind a unix socket, by Bun's own `fetch` and sockets: nothing to import, and back-pressure all the way. */
export class UnixEngine implements Engine {
  readonly endpoint: Endpoint;

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

  async hijack(path: string, json: unknown): Promise<EngineStream> {
    try {
      return await openRawStream(this.endpoint.path, path, json, DEADLINE_MS);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      throw unreachable(this.endpoint, error);
    }
  }
}

function cancelled(signal: AbortSignal): GlueError {
  return new GlueError("cancelled", "Interrupted while the Docker engine was asked.", { cause: signal.reason });
}
