import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { type JSONRPCMessage, JSONRPCMessageSchema, type JSONRPCRequest } from "@modelcontextprotocol/sdk/types.js";
import type { ByteStream } from "../../runtimes/contract.ts";

/** A message that is larger is refused, in constant memory. Bytes. */
export const LARGEST_FRAME = 32_000_000;

/** How much of both ends of a refused message is kept, to find the id that its sender waits with. Bytes. */
const ENDS = 512;

interface Line {
  /** Undefined where it was too long. */
  readonly bytes: Uint8Array | undefined;
  readonly size: number;
  readonly start: string;
  readonly end: string;
}

/**
 * JSON-RPC, one message a line, over two streams. The SDK's own transport gives the connection up at the first message over 10 MB, and
 * says nothing about one that is no JSON: here each gets one answer, and the connection goes on.
 */
export class LineTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: <T extends JSONRPCMessage>(message: T) => void;
  readonly #input: ByteStream;
  readonly #write: (bytes: Uint8Array) => Promise<void> | undefined;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(input: ByteStream, write: (bytes: Uint8Array) => Promise<void> | undefined) {
    this.#input = input;
    this.#write = write;
  }

  async start(): Promise<void> {
    void this.#read();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    await this.#writeLine(message);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.onclose?.();
  }

  /** Resolves when all that was sent is written. */
  async flush(): Promise<void> {
    await this.#turn;
  }

  #writeLine(value: unknown): Promise<void> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
    this.#turn = this.#turn
      .then(() => (this.#closed ? undefined : this.#write(bytes)))
      // Nobody reads any more: the client is gone.
      .catch((error: unknown) => {
        this.onerror?.(error instanceof Error ? error : new Error(String(error)));
        return this.close();
      });
    return this.#turn;
  }

  async #read(): Promise<void> {
    try {
      for await (const line of lines(this.#input)) this.#take(line);
    } catch (error) {
      this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    }
    await this.close();
  }

  #take(line: Line): void {
    if (line.bytes === undefined) {
      const text = `The message has ${line.size} bytes; glue takes at most ${LARGEST_FRAME}.`;
      void this.#refuse(-32600, text, idOf(line));
      return;
    }
    const text = new TextDecoder().decode(line.bytes).trim();
    if (text === "") return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      void this.#refuse(-32700, `The message is not JSON: ${error instanceof Error ? error.message : error}`, null);
      return;
    }
    if (isRequest(value)) {
      this.onmessage?.(value);
      return;
    }
    const message = JSONRPCMessageSchema.safeParse(value);
    if (message.success) {
      this.onmessage?.(message.data);
      return;
    }
    const id = typeof value === "object" && value !== null && "id" in value ? value.id : null;
    const known = typeof id === "string" || typeof id === "number" ? id : null;
    void this.#refuse(-32600, "The message is JSON, but not one of JSON-RPC 2.0.", known);
  }

  #refuse(code: number, message: string, id: string | number | null): Promise<void> {
    return this.#writeLine({ jsonrpc: "2.0", id, error: { code, message } });
  }
}

/**
 * Whether a message is a request, or a notice, without more in it than those have. Nearly all are, and the SDK's schema of all messages takes a
 * millisecond over each; what the parameters hold is looked at by whoever handles the method.
 */
function isRequest(value: unknown): value is JSONRPCRequest {
  if (typeof value !== "object" || value === null || !("method" in value)) return false;
  const { jsonrpc, method, id, params, ...rest } = value as Record<string, unknown>;
  const named = id === undefined || typeof id === "string" || Number.isSafeInteger(id);
  const fits = params === undefined || (typeof params === "object" && params !== null && !Array.isArray(params));
  return jsonrpc === "2.0" && typeof method === "string" && named && fits && Object.keys(rest).length === 0;
}

/** Splits at line feeds; of a line over the limit only its ends are kept. */
async function* lines(input: ByteStream): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let size = 0;
  let start = new Uint8Array();
  let end = new Uint8Array();
  const add = (bytes: Uint8Array) => {
    size += bytes.length;
    if (start.length < ENDS) start = Buffer.concat([start, bytes.subarray(0, ENDS - start.length)]);
    end = Buffer.concat([end, bytes.subarray(-ENDS)]).subarray(-ENDS);
    if (size <= LARGEST_FRAME) parts.push(bytes);
    else parts = [];
  };
  const take = (): Line => {
    const whole = size <= LARGEST_FRAME ? Buffer.concat(parts) : undefined;
    const line = { bytes: whole, size, start: String(Buffer.from(start)), end: String(Buffer.from(end)) };
    parts = [];
    size = 0;
    start = new Uint8Array();
    end = new Uint8Array();
    return line;
  };
  for await (const chunk of input) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      add(chunk.subarray(from, at));
      from = at + 1;
      yield take();
    }
    add(chunk.subarray(from));
  }
  if (size > 0) yield take();
}

/** The id of a message that was not kept: clients write it first or last. */
function idOf({ start, end }: Line): string | number | null {
  const first = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*("(?:[^"\\]|\\.)*"|\d+)\s*,/.exec(start)?.[1];
  const last = /,\s*"id"\s*:\s*("(?:[^"\\]|\\.)*"|\d+)\s*\}\s*$/.exec(end)?.[1];
  const found = first ?? last;
  return found === undefined ? null : (JSON.parse(found) as string | number);
}
