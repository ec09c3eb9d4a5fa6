import { expect, test } from "bun:test";
import { Transport, TransportError } from "../../../runtimes/daytona/transport.ts";

/** A service that takes every connection; what it answers is up to `reply`. */
function listen(reply: (socket: Bun.Socket) => void) {
  return Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: reply } });
}

test("a service that says nothing is waited for until the deadline, and then nothing is known", async () => {
  const server = listen(() => undefined);
  const transport = new Transport("key");
  const began = performance.now();
  const asked = transport.ask({ method: "GET", url: `http://127.0.0.1:${server.port}/`, deadlineMs: 300 });
  await expect(asked).rejects.toBeInstanceOf(TransportError);
  expect(performance.now() - began).toBeWithin(250, 15_000);
  await transport.close();
  server.stop(true);
});

test("an answer that stops in the middle is waited for as long, and is no whole answer", async () => {
  const server = listen((socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly the begi"));
  const transport = new Transport("key");
  const answer = await transport.ask({ method: "GET", url: `http://127.0.0.1:${server.port}/`, deadlineMs: 300 });
  const began = performance.now();
  await expect(answer.text()).rejects.toBeInstanceOf(TransportError);
  expect(performance.now() - began).toBeLessThan(15_000);
  await transport.close();
  server.stop(true);
});
