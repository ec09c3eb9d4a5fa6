import { EngineError, type EngineStream, messageOf, type Post } from "./engine.ts";
import { RawStream } from "./raw-stream.ts";

/**
 * One connection to the engine's socket for a command's few words: POSTs whose answers are short, then one that takes the connection over.
 * It costs the engine one connection and us no thread of `fetch`'s, and may be opened before there is anything to say.
 */
export class RawConversation {
  readonly #stream = new RawStream();
  readonly #connected: Promise<void>;

  /** Begins to connect. */
  constructor(socketPath: string) {
    this.#connected = this.#stream.connect(socketPath);
    // Whoever speaks first hears of it.
    this.#connected.catch(() => undefined);
  }

  /** The body of a 2xx answer. Throws `EngineError` for another status; what breaks otherwise leaves the connection unusable. */
  post(post: Post, deadlineMs: number): Promise<string> {
    return this.#within(deadlineMs, async () => {
      await this.#send(post, []);
      const { status, head, rest } = await readHead(this.#stream);
      const body = await readBody(this.#stream, head, rest);
      if (status < 200 || status > 299) throw new EngineError(status, messageOf(status, body));
      return body;
    });
  }

  /** Takes the connection over once the engine agrees (101, or 200 from engines that skip the upgrade). */
  take(post: Post, deadlineMs: number): Promise<EngineStream> {
    return this.#within(deadlineMs, async () => {
      await this.#send(post, ["Connection: Upgrade", "Upgrade: tcp"]);
      const { status, head, rest } = await readHead(this.#stream);
      if (status !== 101 && status !== 200)
        throw new EngineError(status, messageOf(status, await readBody(this.#stream, head, rest)));
      if (rest.length > 0) this.#stream.unread(rest);
      return this.#stream;
    });
  }

  async #within<T>(deadlineMs: number, work: () => Promise<T>): Promise<T> {
    const stream = this.#stream;
    const timer = setTimeout(() => stream.fail(timeout()), deadlineMs);
    try {
      // connect itself has no deadline: an engine whose queue is full holds it up.
      await Promise.race([this.#connected, stream.broken]);
      return await work();
    } catch (error) {
      stream.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #send({ path, json }: Post, headers: readonly string[]): Promise<void> {
    const body = JSON.stringify(json);
    const head = [
      `POST ${path} HTTP/1.1`,
      "Host: docker",
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
    ];
    return this.#stream.write(Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`));
  }
}

function timeout(): Error {
  return new DOMException("The engine did not answer in time.", "TimeoutError");
}

interface Head {
  readonly status: number;
  readonly head: string;
  /** What came behind the head. */
  readonly rest: Buffer;
}

async function readHead(stream: RawStream): Promise<Head> {
  let text: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await stream.read();
    if (chunk === undefined) throw new Error("the engine closed the connection before it answered");
    text = text.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([text, chunk]);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const head = text.subarray(0, end).toString("latin1");
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
    return { status, head, rest: text.subarray(end + 4) };
  }
}

/** Longer than any answer that is asked for here. */
const LONGEST_BODY = 65_536;

/** A body that is short: of known length (the engine says it), in chunks (a proxy in between may), or until the connection ends. */
async function readBody(stream: RawStream, head: string, begun: Buffer): Promise<string> {
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
  const chunked = /^transfer-encoding: *chunked/im.test(head);
  let body = begun;
  const isWhole = () => (chunked ? body.includes("0\r\n\r\n") : body.length >= length);
  while (!isWhole() && body.length < LONGEST_BODY) {
    const chunk = await stream.read();
    if (chunk === undefined) break;
    body = Buffer.concat([body, chunk]);
  }
  return chunked ? joinChunks(body) : body.toString();
}

/** `SIZE CRLF bytes CRLF …` (RFC 9112, 7.1). */
function joinChunks(body: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const line = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.subarray(at, line).toString("latin1"), 16);
    if (line < 0 || !(size > 0)) break;
    parts.push(body.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(parts).toString();
}
