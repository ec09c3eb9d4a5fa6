import { afterAll, expect, setDefaultTimeout } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IMAGES, testNeeding } from "../support/needs.ts";
import { failureOf, run } from "../support/session-run.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startProxy } from "./proxy.ts";
import { freePort } from "./registry.ts";
import { contextWith, optionsWith, runtimeFor, withSession } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

const stops: (() => void)[] = [];
afterAll(() => {
  for (const stop of stops) stop();
});

/** The local engine behind a TCP port, with TLS where certificates are given. */
function proxyOnTcp(tls?: Bun.TLSOptions) {
  const proxy = startProxy({ port: freePort(), ...(tls === undefined ? {} : { tls }) });
  stops.push(proxy.stop);
  return proxy;
}

const onTcp = (tls?: Bun.TLSOptions) => proxyOnTcp(tls).url;

/** A folder with a CA, and a certificate of it for 127.0.0.1, as `DOCKER_CERT_PATH` wants it. */
function certificates(): string {
  const folder = tempDir();
  writeFileSync(join(folder, "ext"), "subjectAltName=IP:127.0.0.1\n");
  const made = Bun.spawnSync(
    [
      "sh",
      "-ec",
      `openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=test-ca
       openssl req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=127.0.0.1
       openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out cert.pem -days 2 -extfile ext`,
    ],
    { cwd: folder },
  );
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  return folder;
}

/** What has to work on any wire. */
async function tryOut(env: Record<string, string | undefined>): Promise<void> {
  const opening = { env, options: { "docker.image": IMAGES.busybox }, context: { mode: "copy" as const } };
  await withSession(opening, async (session, { sessionId }) => {
    expect(await run(session, "echo out; echo err >&2; exit 3")).toMatchObject({
      exitCode: 3,
      out: "out\n",
      err: "err\n",
    });
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 13) % 256);
    const echo = await session.executor.run({ argv: ["cat"] }, { stdin: bytes });
    expect(new Uint8Array(await new Response(echo.stdout).arrayBuffer())).toEqual(bytes);
    expect(await run(session, "sleep 30", { timeoutMs: 300 })).toMatchObject({ outcome: "timeout" });
    const pty = { columns: 90, rows: 20, term: "vt100" };
    expect((await run(session, "stty size", { pty })).out).toBe("20 90\r\n");
    await session.workspace.write("a/b", bytes);
    expect(await session.workspace.read("a/b")).toEqual(bytes);
    const { died } = session;
    const runtime = runtimeFor({ env });
    const owned = await runtime.listOwned(optionsWith());
    expect(owned.some((other) => other.sessionId === sessionId)).toBe(true);
    // Another process may have another environment: the handle says it all.
    const other = await runtimeFor({ env: { DOCKER_HOST: undefined } }).attach(session.handle, optionsWith());
    expect(await run(other, "echo again")).toMatchObject({ out: "again\n" });
    await other.detach();
    expect(await Promise.race([died, Bun.sleep(50).then(() => "alive" as const)])).toBe("alive");
  });
}

testNeeding(
  ["image:busybox"],
  "an engine behind tcp:// does all that a local one does",
  async () => {
    await tryOut({ DOCKER_HOST: onTcp() });
  },
  120_000,
);

testNeeding(
  ["image:busybox"],
  "an engine behind TLS does all that a local one does, with the certificates of DOCKER_CERT_PATH",
  async () => {
    const folder = certificates();
    const file = (name: string) => Bun.file(join(folder, `${name}.pem`));
    const DOCKER_HOST = onTcp({
      ca: file("ca"),
      cert: file("cert"),
      key: file("key"),
      requestCert: true,
      rejectUnauthorized: true,
    });
    await tryOut({ DOCKER_HOST, DOCKER_CERT_PATH: folder, DOCKER_TLS_VERIFY: "1" });
    const stranger = certificates();
    const runtime = runtimeFor({ env: { DOCKER_HOST, DOCKER_CERT_PATH: stranger, DOCKER_TLS_VERIFY: "1" } });
    const error = await failureOf(runtime.open(optionsWith(), contextWith()));
    expect(error.code).toBe("runtimeUnreachable");
  },
  120_000,
);

testNeeding(
  ["image:busybox"],
  "an engine behind ssh:// is reached by the user's own ssh",
  async () => {
    const bin = tempDir();
    // What the program at the other end runs is the real thing; only the way there is short.
    writeFileSync(
      join(bin, "ssh"),
      '#!/bin/sh\nwhile [ "$1" != -- ]; do [ "$1" = -l ] && [ "$2" != me ] && exit 255; shift; done\n[ "$2" = box ] || { echo "no route to $2" >&2; exit 255; }\nshift 2\nexec "$@"\n',
    );
    chmodSync(join(bin, "ssh"), 0o755);
    const path = process.env.PATH;
    const host = process.env.DOCKER_HOST;
    process.env.PATH = `${bin}:${path}`;
    try {
      await tryOut({ DOCKER_HOST: "ssh://me@box" });
      const error = await failureOf(
        runtimeFor({ env: { DOCKER_HOST: "ssh://me@nowhere" } }).open(optionsWith(), contextWith()),
      );
      expect(error.code).toBe("runtimeUnreachable");
      expect(error.message).toContain("no route to nowhere");
    } finally {
      process.env.PATH = path;
      if (host !== undefined) process.env.DOCKER_HOST = host;
    }
  },
  120_000,
);

testNeeding(["image:busybox"], "nothing behind a tcp:// port is told as nobody listening", async () => {
  const runtime = runtimeFor({ env: { DOCKER_HOST: `tcp://127.0.0.1:${freePort()}` } });
  expect((await failureOf(runtime.open(optionsWith(), contextWith()))).code).toBe("runtimeNotListening");
});

testNeeding(["image:busybox"], "what answers and is no engine is told as that", async () => {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("<html>hello</html>", { status: 404 }),
  });
  stops.push(() => void server.stop(true));
  const error = await failureOf(
    runtimeFor({ env: { DOCKER_HOST: `tcp://127.0.0.1:${server.port}` } }).open(optionsWith(), contextWith()),
  );
  expect(error.code).toBe("runtimeUnreachable");
  expect(error.message).toContain("is no Docker engine");
});

testNeeding(
  ["image:busybox"],
  "a stalled reader stalls a remote engine as well",
  async () => {
    const proxy = proxyOnTcp();
    const env = { DOCKER_HOST: proxy.url };
    await withSession(
      { env, options: { "docker.image": IMAGES.busybox }, context: { mode: "copy" } },
      async (session) => {
        const running = await session.executor.run({ script: "head -c 64000000 /dev/zero" });
        await Bun.sleep(1_500);
        // What buffers of the wire hold, and no more.
        const passed = proxy.passed();
        expect(passed).toBeLessThan(30_000_000);
        await Bun.sleep(500);
        expect(proxy.passed() - passed).toBeLessThan(1_000_000);
        let bytes = 0;
        for await (const chunk of running.stdout) bytes += chunk.length;
        expect(bytes).toBe(64_000_000);
      },
    );
  },
  120_000,
);
