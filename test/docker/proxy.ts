import { join } from "node:path";
import type { Socket } from "bun";
import { tempDir } from "../support/temp-dir.ts";

interface Side {
  other: Socket<Side> | undefined;
  /** What could not be passed on yet. */
  waiting: Uint8Array[];
  ended: boolean;
}

/** A wire to the engine that can be cut, or go dead: what a network does, on a unix socket. */
export interface Proxy {
  readonly url: string;
  /** Ends every connection that is open. */
  cut(): void;
  /** From now on nothing passes in either direction, and nobody is told. */
  freeze(): void;
  stop(): void;
}

export function startProxy(target = "/var/run/docker.sock"): Proxy {
  const unix = join(tempDir(), "proxy.sock");
  const open = new Set<Socket<Side>>();
  let frozen = false;
  const flush = (socket: Socket<Side>) => {
    const { waiting } = socket.data;
    for (let piece = waiting.shift(); piece !== undefined; piece = waiting.shift()) {
      const sent = socket.write(piece);
      if (sent < piece.length) {
        waiting.unshift(piece.subarray(Math.max(0, sent)));
        return;
      }
    }
    if (socket.data.ended) socket.shutdown();
  };
  const handlers = {
    data(socket: Socket<Side>, bytes: Uint8Array) {
      if (frozen) return;
      const { other } = socket.data;
      if (other === undefined) return;
      other.data.waiting.push(Uint8Array.from(bytes));
      flush(other);
    },
    drain: flush,
    end(socket: Socket<Side>) {
      const { other } = socket.data;
      if (other === undefined || frozen) return;
      other.data.ended = true;
      flush(other);
    },
    close(socket: Socket<Side>) {
      open.delete(socket);
      if (!frozen) socket.data.other?.end();
    },
    error() {
      // The other side is ended by `close`.
    },
  };
  const listener = Bun.listen<Side>({
    unix,
    allowHalfOpen: true,
    socket: {
      ...handlers,
      async open(socket) {
        socket.data = { other: undefined, waiting: [], ended: false };
        open.add(socket);
        socket.pause();
        const other = await Bun.connect<Side>({
          unix: target,
          allowHalfOpen: true,
          data: { other: socket, waiting: [], ended: false },
          socket: handlers,
        });
        open.add(other);
        socket.data.other = other;
        socket.resume();
      },
    },
  });
  const cut = () => {
    for (const socket of open) socket.terminate();
    open.clear();
  };
  return {
    url: `unix://${unix}`,
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
