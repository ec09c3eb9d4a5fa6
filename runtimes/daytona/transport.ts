import { Readable } from "node:stream";
import type { Dispatcher, EnvHttpProxyAgent } from "undici-real";
import { type ByteStream, GlueError } from "../contract.ts";

export interface Ask {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly json?: unknown;
  /** A body in parts; its length is sent with it, so that it is never chunked. */
  readonly body?: readonly Uint8Array[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Until the head of the answer is here, and as long between two pieces of its body. Milliseconds. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  /** Every header with its value, lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  text(): Promise<string>;
  /** The body as it comes; cancelling it ends the connection. */
  stream(): ByteStream;
}

/** Raised when no whole answer came: whether the service did what was asked is not known. */
export class TransportError extends Error {
  override readonly name = "TransportError";
}

const DEADLINE_MS = 60_000;
/** The service's proxy closes connections that were idle for 70 s; one that is used at that very moment would be lost. */
const KEEP_ALIVE_MS = 50_000;

/** Requests to the service: connections kept, proxies as the environment has them, the key in a header and nowhere else. */
export class Transport {
  readonly #headers: Readonly<Record<string, string>>;
  #agent: Promise<EnvHttpProxyAgent> | undefined;

  constructor(apiKey: string) {
    this.#headers = {
      authorization: `Bearer ${apiKey}`,
      "user-agent": "glue",
      // Decides the shape of the toolbox's answers: from 0.167 on the streams are kept apart.
      "x-daytona-sdk-version": "0.218.0",
      "x-daytona-source": "glue",
    };
  }

  /** What a WebSocket needs to say. */
  get headers(): Readonly<Record<string, string>> {
    return this.#headers;
  }

  /** One request, no repetition. Throws `TransportError`, or `cancelled` when `signal` was what ended it. */
  async ask(ask: Ask): Promise<Answer> {
    const { method, url, json, body, headers, deadlineMs = DEADLINE_MS, signal } = ask;
    const agent = await this.#open();
    try {
      const answer = await agent.request({
        origin: new URL(url).origin,
        path: url.slice(new URL(url).origin.length),
        method,
        body:
          json === undefined
            ? body === undefined
              ? null
              : Readable.from(body, { objectMode: false })
            : JSON.stringify(json),
        headers: {
          ...this.#headers,
          ...(body === undefined ? {} : { "content-length": String(body.reduce((sum, part) => sum + part.length, 0)) }),
          ...(json === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        headersTimeout: deadlineMs,
        bodyTimeout: deadlineMs,
        ...(signal === undefined ? {} : { signal }),
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        header: (name) => [answer.headers[name]].flat()[0],
        text: async () => {
          try {
            return await answer.body.text();
          } catch (error) {
            throw failed(error, signal);
          }
        },
        stream: () => streamOf(answer.body, signal),
      };
    } catch (error) {
      throw failed(error, signal);
    }
  }

  async close(): Promise<void> {
    const open = this.#agent;
    this.#agent = undefined;
    if (open !== undefined) await (await open).destroy();
  }

  #open(): Promise<EnvHttpProxyAgent> {
    this.#agent ??= (async () => {
      // The name "undici" alone would be a stub of Bun's; and it is only paid for where it is used.
      const { EnvHttpProxyAgent } = await import("undici-real");
      return new EnvHttpProxyAgent({
        keepAliveTimeout: KEEP_ALIVE_MS,
        keepAliveMaxTimeout: KEEP_ALIVE_MS,
        connect: { timeout: 15_000 },
      });
    })();
    return this.#agent;
  }
}

function failed(error: unknown, signal: AbortSignal | undefined): Error {
  if (signal?.aborted) return new GlueError("cancelled", "Interrupted while Daytona was asked.", { cause: error });
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new TransportError(message, { cause: error });
}

function streamOf(body: Dispatcher.ResponseData["body"], signal: AbortSignal | undefined): ByteStream {
  const pieces = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await pieces.next();
          if (done) controller.close();
          else controller.enqueue(value as Uint8Array);
        } catch (error) {
          throw failed(error, signal);
        }
      },
      cancel() {
        body.on("error", () => undefined); // ended by us
        body.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}
