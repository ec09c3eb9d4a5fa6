import { join } from "node:path";
import type { Socket } from "bun";
import { tempDir } from "../support/temp-dir.ts";

interface Side {
  other: Socket<Side> | undefined;
  /** Bytes for this side that it could not take yet. */
  waiting: Uint8Array[];
  /** Whether its end is to be told once those are out. */
  ending: boolean;
  readonly isClient: boolean;
}

/** A wire to the engine that can be cut, or go dead: what a network does. */
export interface Proxy {
  readonly url: string;
  /** How many bytes of the engine have gone on to its clients. */
  passed(): number;
  /** Ends every connection that is open. */
  cut(): void;
  /** From now on nothing passes in either direction, and nobody is told. */
  freeze(): void;
  stop(): void;
}

/** `port`: on TCP, with TLS where certificates are given; else on a unix socket. */
export function startProxy({ port, tls }: { port?: number; tls?: Bun.TLSOptions } = {}): Proxy {
  const unix = join(tempDir(), "proxy.sock");
  const open = new Set<Socket<Side>>();
  let frozen = false;
  let passed = 0;

  /** Sends what waits for `socket`; holds the other side back until it is out. */
  function flush(socket: Socket<Side>): void {
    const { waiting, other } = socket.data;
    for (;;) {
      const piece = waiting[0];
      if (piece === undefined) break;
      const sent = Math.max(0, socket.write(piece));
      if (socket.data.isClient) passed += sent;
      if (sent < piece.length) {
        waiting[0] = piece.subarray(sent);
        other?.pause();
        return;
      }
      waiting.shift();
    }
    other?.resume();
    if (socket.data.ending) socket.shutdown();
  }

  function pass(from: Socket<Side>, bytes: Uint8Array | undefined): void {
    const { other } = from.data;
    if (frozen || other === undefined) return;
    if (bytes === undefined) other.data.ending = true;
    else other.data.waiting.push(Uint8Array.from(bytes));
    flush(other);
  }

  const close = (socket: Socket<Side>) => {
    open.delete(socket);
    if (!frozen) socket.data.other?.end();
  };
  const toEngine = {
    data: pass,
    drain: flush,
    end: (socket: Socket<Side>) => pass(socket, undefined),
    close,
    // `close` follows.
    error: () => undefined,
  };
  const handlers = {
    ...toEngine,
    async open(socket: Socket<Side>) {
      const early: (Uint8Array | undefined)[] = [];
      const side = { other: undefined, waiting: [], ending: false, isClient: true, early };
      socket.data = side;
      open.add(socket);
      const other = await Bun.connect<Side>({
        unix: "/var/run/docker.sock",
        allowHalfOpen: true,
        data: { other: socket, waiting: [], ending: false, isClient: false },
        socket: toEngine,
      });
      open.add(other);
      socket.data.other = other;
      for (const bytes of early) pass(socket, bytes);
    },
    // What comes before the engine is reached waits.
    data(socket: Socket<Side>, bytes: Uint8Array) {
      if (socket.data.other !== undefined) pass(socket, bytes);
      else (socket.data as Side & { early: Uint8Array[] }).early.push(Uint8Array.from(bytes));
    },
  };
  const listener =
    port === undefined
      ? Bun.listen<Side>({ unix, allowHalfOpen: true, socket: handlers })
      : Bun.listen<Side>({
          hostname: "127.0.0.1",
          port,
          allowHalfOpen: true,
          socket: handlers,
          ...(tls === undefined ? {} : { tls }),
        });
  const cut = () => {
    for (const socket of open) socket.terminate();
    open.clear();
  };
  return {
    url: port === undefined ? `unix://${unix}` : `tcp://127.0.0.1:${port}`,
    passed: () => passed,
    cut,
    freeze: () => {
      frozen = true;
    },
    stop: () => {
      cut();
      listener.stop(true);
    },
  };
}
