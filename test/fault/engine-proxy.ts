import { join } from "node:path";
import { tempDir } from "../support/temp-dir.ts";

/**
 * What happens to a request to the engine: it is passed on, passed on two seconds late (also when nobody waits for the answer any more),
 * answered with this status, or never answered.
 */
export type Fault = "pass" | "late" | number | "hang";

const LATE_MS = 2_000;

/**
 * The real Docker engine behind a socket of our own, on which chosen requests go wrong. Bytes are passed through as they are, so streams
 * of commands work; a request is looked at when it begins.
 */
export function engineWithFaults(fault: (method: string, path: string) => Fault): {
  readonly host: string;
  stop(): void;
} {
  const path = join(tempDir(), "engine.sock");
  type Pair = { engine: Promise<Bun.Socket<undefined>>; cut: boolean; late?: Promise<void> };
  const server = Bun.listen<Pair>({
    unix: path,
    socket: {
      open(client) {
        const engine = Bun.connect({
          unix: "/var/run/docker.sock",
          socket: {
            data: (_, bytes) => void client.write(bytes),
            close: () => void client.end(),
          },
        });
        client.data = { engine, cut: false };
      },
      async data(client, bytes) {
        if (client.data.cut) return;
        const begin = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n/.exec(Buffer.from(bytes).toString("latin1"));
        const what = begin === null ? "pass" : fault(begin[1] ?? "", begin[2] ?? "");
        if (what === "pass") {
          (await client.data.engine).write(bytes);
          return;
        }
        if (what === "late") {
          client.data.late = Bun.sleep(LATE_MS).then(async () => void (await client.data.engine).write(bytes));
          return;
        }
        client.data.cut = true;
        if (what === "hang") return;
        const body = JSON.stringify({ message: `made up: ${what}` });
        const head = `HTTP/1.1 ${what} Made Up\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
        client.write(head + body);
        client.end();
      },
      async close(client) {
        if (client.data.late !== undefined) {
          await client.data.late;
          await Bun.sleep(LATE_MS);
        }
        (await client.data.engine).end();
      },
    },
  });
  return { host: `unix://${path}`, stop: () => server.stop(true) };
}
