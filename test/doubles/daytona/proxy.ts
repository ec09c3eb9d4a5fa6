import type { ServerWebSocket } from "bun";
import type { Fault } from "./faults.ts";
import type { Sandbox } from "./sandboxes.ts";

/** Passes a request on to a sandbox's daemon, and its answer back. */
export async function forward(
  request: Request,
  sandbox: Sandbox,
  path: string,
  faults: readonly Fault[],
): Promise<Response> {
  sandbox.openConnections += 1;
  sandbox.touch();
  try {
    const answer = await fetch(`http://127.0.0.1:${sandbox.port}${path}`, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      redirect: "manual",
      decompress: false,
      timeout: false,
    } as BunFetchRequestInit & { timeout: false });
    const lost = faults.find(({ act }) => act === "lose" || act === "cut");
    if (lost !== undefined)
      return cutShort(answer, new Uint8Array(await answer.arrayBuffer()), lost.act === "cut" ? (lost.bytes ?? 0) : 0);
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  } catch {
    return new Response("<html><body><h1>502 Bad Gateway</h1></body></html>", {
      status: 502,
      headers: { "content-type": "text/html" },
    });
  } finally {
    sandbox.openConnections -= 1;
  }
}

/** The first bytes of an answer, then the end of the connection. */
function cutShort({ status, headers }: Response, bytes: Uint8Array, count: number): Response {
  let sent = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (!sent && count > 0) {
        sent = true;
        controller.enqueue(bytes.subarray(0, count));
        await Bun.sleep(20);
        return;
      }
      controller.error(new Error("cut"));
    },
  });
  const range = headers.get("content-range");
  return new Response(body, { status, headers: range === null ? {} : { "content-range": range } });
}

/** A client's socket, coupled with one of ours to the daemon. */
export class SocketPair {
  readonly #sandbox: Sandbox;
  readonly #faults: readonly Fault[];
  readonly #upstream: WebSocket;
  readonly #waiting: (string | Buffer)[] = [];
  #bytes = 0;

  constructor(sandbox: Sandbox, path: string, headers: Headers, faults: readonly Fault[]) {
    this.#sandbox = sandbox;
    this.#faults = faults;
    const passed: Record<string, string> = {};
    for (const name of ["x-daytona-sdk-version", "x-daytona-split-output", "sec-websocket-protocol"]) {
      const value = headers.get(name);
      if (value !== null) passed[name === "sec-websocket-protocol" ? "x-daytona-protocols" : name] = value;
    }
    this.#upstream = new WebSocket(`ws://127.0.0.1:${sandbox.port}${path}`, { headers: passed } as unknown as string[]);
    this.#upstream.binaryType = "nodebuffer" as "arraybuffer";
  }

  open(socket: ServerWebSocket<SocketPair>): void {
    this.#sandbox.openConnections += 1;
    this.#upstream.onopen = () => {
      for (const message of this.#waiting.splice(0)) this.#upstream.send(message);
    };
    this.#upstream.onmessage = ({ data }) => this.#pass(socket, data as string | Buffer);
    this.#upstream.onclose = ({ code, reason }) => {
      if (this.#has("never-close")) return;
      socket.close(code === 1006 ? 1011 : code, reason);
    };
    this.#upstream.onerror = () => socket.close(1011);
  }

  message(message: string | Buffer): void {
    if (this.#upstream.readyState === WebSocket.OPEN) this.#upstream.send(message);
    else this.#waiting.push(message);
  }

  close(): void {
    this.#sandbox.openConnections -= 1;
    this.#upstream.close();
  }

  #pass(socket: ServerWebSocket<SocketPair>, data: string | Buffer): void {
    if (typeof data === "string") return void socket.send(data);
    let bytes = data;
    if (this.#has("unmarked"))
      bytes = Buffer.from(bytes.toString("latin1").replace(/\x01\x01\x01|\x02\x02\x02/g, ""), "latin1");
    const cut = this.#faults.find(({ act }) => act === "cut" || act === "cut-1011");
    if (cut !== undefined && this.#bytes + bytes.length >= (cut.bytes ?? 0)) {
      socket.send(bytes.subarray(0, Math.max(0, (cut.bytes ?? 0) - this.#bytes)));
      if (cut.act === "cut-1011") socket.close(1011);
      else socket.terminate();
      return;
    }
    this.#bytes += bytes.length;
    if (this.#has("split")) for (const byte of bytes) socket.send(Uint8Array.of(byte));
    else socket.send(bytes);
  }

  #has(act: Fault["act"]): boolean {
    return this.#faults.some((fault) => fault.act === act);
  }
}
