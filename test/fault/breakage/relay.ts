import { connect, createServer, type Server, type Socket } from "node:net";

/** A way to a service on the loopback that can be cut, or be closed for a while. */
export interface Relay {
  readonly port: number;
  /** Where it leads; known only once the service listens. */
  to(port: number): void;
  /** Ends every connection, without a goodbye. */
  cut(): void;
  /** Takes connections, or refuses them. */
  takes(open: boolean): Promise<void>;
  stop(): Promise<void>;
}

export async function startRelay(): Promise<Relay> {
  const sockets = new Set<Socket>();
  let target = 0;
  const pass = (client: Socket) => {
    const service = connect(target, "127.0.0.1");
    for (const [one, other] of [
      [client, service],
      [service, client],
    ] as const) {
      sockets.add(one);
      // An end that breaks takes the other with it, as it would without anything between them.
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroySoon();
      });
      one.pipe(other);
    }
  };
  let server: Server | undefined = await listen(pass, 0);
  const { port } = server.address() as { port: number };
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const close = async () => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = new Promise((resolve) => closing.close(resolve));
    cut();
    await closed;
  };
  return {
    port,
    to: (to) => {
      target = to;
    },
    cut,
    async takes(open) {
      if (!open) await close();
      else server ??= await listen(pass, port);
    },
    stop: close,
  };
}

function listen(pass: (client: Socket) => void, port: number): Promise<Server> {
  const server = createServer(pass);
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
