import { readFileSync } from "node:fs";
import type { Agent, IncomingMessage } from "node:http";
import { type Duplex, Readable } from "node:stream";
import Dockerode from "dockerode";
import { type ByteStream, GlueError } from "../contract.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  DEADLINE_MS,
  type Engine,
  type EngineAnswer,
  EngineError,
  type EngineRequest,
  type EngineStream,
  messageOf,
  type Post,
} from "./engine.ts";
import { unreachable } from "./reach-errors.ts";

/** Every status is an answer; the caller judges. */
const ANY_STATUS: Record<number, true> = Object.fromEntries(
  Array.from({ length: 400 }, (_, index) => [200 + index, true]),
);

/** An engine that is not behind a unix socket: TCP with or without TLS, a Windows pipe, or SSH. dockerode does the talking. */
export async function remoteEngine(endpoint: Endpoint): Promise<Engine> {
  return new RemoteEngine(endpoint, new Dockerode(await connection(endpoint)));
}

/** The types of dockerode do not know that its modem takes an agent. */
async function connection(endpoint: Endpoint): Promise<Dockerode.DockerOptions & { agent?: Agent }> {
  if (endpoint.kind === "pipe") return { socketPath: endpoint.path };
  if (endpoint.kind === "ssh") {
    const { sshAgent } = await import("./ssh-agent.ts");
    return { host: "docker.invalid", port: 80, protocol: "http", agent: sshAgent(endpoint.url) };
  }
  const { hostname, port } = new URL(endpoint.url.replace(/^[a-z]+/, "http"));
  const host = hostname.replace(/^\[|\]$/g, "");
  if (endpoint.tlsDir === undefined) {
    return {
      host,
      port: port || (endpoint.url.startsWith("https:") ? 443 : 2375),
      protocol: endpoint.url.startsWith("https:") ? "https" : "http",
    };
  }
  const https = await import("node:https");
  const tls = { ...certificates(endpoint.tlsDir), rejectUnauthorized: endpoint.tlsVerify !== false };
  return { host, port: port || 2376, protocol: "https", ...tls, agent: new https.Agent(tls) };
}

function certificates(folder: string): { ca?: string; cert?: string; key?: string } {
  const read = (name: string) => {
    try {
      return readFileSync(`${folder}/${name}.pem`, "utf8");
    } catch (cause) {
      throw new GlueError("optionInvalid", `${folder}/${name}.pem cannot be read; the engine's TLS needs it.`, {
        cause,
      });
    }
  };
  return { ca: read("ca"), cert: read("cert"), key: read("key") };
}

class RemoteEngine implements Engine {
  readonly endpoint: Endpoint;
  readonly #docker: Dockerode;

  constructor(endpoint: Endpoint, docker: Dockerode) {
    this.endpoint = endpoint;
    this.#docker = docker;
  }

  async request(request: EngineRequest): Promise<EngineAnswer> {
    const { method, path, query, json, headers, deadlineMs = DEADLINE_MS, signal } = request;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), deadlineMs);
    const failed = (error: unknown) => {
      clearTimeout(timer);
      if (signal?.aborted)
        return new GlueError("cancelled", "Interrupted while the Docker engine was asked.", { cause: error });
      return unreachable(this.endpoint, deadline.signal.aborted ? timeout() : error);
    };
    try {
      const message = (await this.#dial({
        method,
        path: query === undefined ? path : `${path}?`,
        // Its way to say what goes into the address and what into the body.
        options: { _query: definedOf(query), _body: json ?? {} },
        isStream: true,
        statusCodes: ANY_STATUS,
        abortSignal: signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]),
        ...(headers === undefined ? {} : { headers: { ...headers } }),
      })) as IncomingMessage;
      return {
        status: message.statusCode ?? 0,
        header: (name) => message.headers[name.toLowerCase()]?.toString(),
        text: async () => {
          try {
            const parts: Buffer[] = [];
            for await (const part of message) parts.push(part);
            clearTimeout(timer);
            return Buffer.concat(parts).toString();
          } catch (error) {
            throw failed(error);
          }
        },
        stream: () => {
          clearTimeout(timer);
          return Readable.toWeb(message) as unknown as ByteStream;
        },
      };
    } catch (error) {
      throw failed(error);
    }
  }

  async hijack(make: Post, start: (answer: string) => Post): Promise<EngineStream> {
    const answer = await this.request({ method: "POST", path: make.path, json: make.json });
    const text = await answer.text();
    if (answer.status >= 400) throw new EngineError(answer.status, messageOf(answer.status, text));
    const { path, json } = start(text);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
    try {
      const socket = await this.#dial({
        method: "POST",
        path,
        options: { _body: json },
        hijack: true,
        isStream: true,
        statusCodes: { 101: true },
        abortSignal: deadline.signal,
      });
      return new NodeStream(socket as Duplex);
    } catch (error) {
      if (error instanceof Error && "statusCode" in error && typeof error.statusCode === "number") {
        throw new EngineError(error.statusCode, error.message);
      }
      throw unreachable(this.endpoint, deadline.signal.aborted ? timeout() : error);
    } finally {
      clearTimeout(timer);
    }
  }

  #dial(options: Parameters<Dockerode["modem"]["dial"]>[0]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#docker.modem.dial(options, (error: unknown, result: unknown) => (error ? reject(error) : resolve(result)));
    });
  }
}

function timeout(): Error {
  return new DOMException("The engine did not answer in time.", "TimeoutError");
}

function definedOf(query: EngineRequest["query"] = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** A connection that node's streams carry. Read only when asked: in paused mode they keep little. */
class NodeStream implements EngineStream {
  readonly #socket: Duplex;
  #error: Error | undefined;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    const over = (error?: Error) => {
      this.#error ??= error;
      this.#ended = true;
      this.#wake();
    };
    socket.on("readable", () => this.#wake());
    socket.on("end", () => over());
    socket.on("close", () => over());
    socket.on("error", (error) => over(error));
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes: Buffer | null = this.#socket.read();
      // Some wrappers hand over memory that others see; what is read here is moved about in place.
      if (bytes !== null) return new Uint8Array(bytes);
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  endInput(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
