import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../../../runtimes/contract.ts";
import { DockerApi } from "../../../runtimes/docker/api.ts";
import { parseAddress } from "../../../runtimes/docker/endpoint.ts";
import { connectEngine } from "../../../runtimes/docker/engine.ts";
import { RawConversation } from "../../../runtimes/docker/raw-http.ts";
import { tempDir } from "../../support/temp-dir.ts";

const folder = tempDir();
const open: { stop(force?: boolean): void }[] = [];
afterAll(() => {
  for (const listener of open) listener.stop(true);
});

/** A socket that takes connections and says what it is told to, once it was asked something. */
function listen(name: string, answer: string | undefined): string {
  const unix = join(folder, name);
  open.push(
    Bun.listen({
      unix,
      socket: {
        data(socket) {
          if (answer !== undefined) socket.end(answer);
        },
      },
    }),
  );
  return unix;
}

async function failure(work: Promise<unknown>): Promise<GlueError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof GlueError) return error;
  throw new Error(`expected a GlueError, got ${error}`);
}

async function contact(path: string): Promise<GlueError> {
  return failure(DockerApi.contact(await connectEngine(parseAddress(`unix://${path}`, "DOCKER_HOST")), 300));
}

test("no socket: nothing is listening", async () => {
  const error = await contact(join(folder, "none.sock"));
  expect(error.code).toBe("runtimeNotListening");
  expect(error.message).toContain("there is no such socket");
});

test("a file where the socket should be: nothing is listening", async () => {
  writeFileSync(join(folder, "plain"), "");
  expect((await contact(join(folder, "plain"))).code).toBe("runtimeNotListening");
});

test("a socket whose engine is gone: nothing is listening", async () => {
  const path = listen("left.sock", undefined);
  open.pop()?.stop(true);
  // Bun removes the file with the listener; an engine that was killed does not.
  const left = Bun.spawnSync([
    "python3",
    "-c",
    "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
    path,
  ]);
  if (left.exitCode !== 0) return;
  const error = await contact(path);
  expect(error.code).toBe("runtimeNotListening");
  expect(error.message).toContain("refused");
});

test("an engine that hangs is not reached, within the deadline", async () => {
  const started = performance.now();
  const error = await contact(listen("hang.sock", undefined));
  expect(error.code).toBe("runtimeUnreachable");
  expect(error.message).toContain("does not answer");
  expect(performance.now() - started).toBeLessThan(10_000);
});

test("an engine that hangs up is not reached", async () => {
  expect((await contact(listen("hangs-up.sock", ""))).code).toBe("runtimeUnreachable");
});

const START = { path: "/exec/x/start", json: {} };

test("the answer to a POST may be of known length, in chunks, or end with the connection", async () => {
  const heads = ["Content-Length: 10\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3\r\n", "\r\n"];
  const bodies = ['{"Id":"x"}', '{"I\r\n7\r\nd":"x"}\r\n0\r\n\r\n', '{"Id":"x"}'];
  for (const [index, head] of heads.entries()) {
    const path = listen(`post${index}.sock`, `HTTP/1.1 201 Created\r\n${head}${bodies[index]}`);
    expect(await new RawConversation(path).post(START, 2_000)).toBe('{"Id":"x"}');
  }
});

test("a hijack that is never answered fails within its deadline", async () => {
  const path = listen("hang2.sock", undefined);
  await expect(new RawConversation(path).take(START, 200)).rejects.toThrow("did not answer in time");
});

test("a refused hijack is told in the engine's words", async () => {
  const body = JSON.stringify({ message: "No such exec instance: x" });
  const path = listen("refuses.sock", `HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await expect(new RawConversation(path).take(START, 2_000)).rejects.toMatchObject({
    status: 404,
    message: "No such exec instance: x",
  });
});

test("bytes that come with the answer to a hijack are not lost", async () => {
  const path = listen("early.sock", "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\nfirst bytes");
  const stream = await new RawConversation(path).take(START, 2_000);
  expect(Buffer.from((await stream.read()) ?? []).toString()).toBe("first bytes");
  expect(await stream.read()).toBeUndefined();
  stream.destroy();
});
