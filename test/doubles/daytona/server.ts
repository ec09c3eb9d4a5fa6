/**
 * A Daytona service on the loopback: control plane and toolbox, whose sandboxes run commands for real, each in a root and a process
 * namespace of its own. Needs root, unshare, setpriv and sudo. Built from what is publicly known of the service (API descriptions,
 * the official client), and held against the official client by test/daytona/official-client.test.ts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ControlPlane, refuse } from "./control-plane.ts";
import { type Fault, Faults } from "./faults.ts";
import { forward, SocketPair } from "./proxy.ts";
import type { SandboxUser } from "./sandbox-root.ts";
import type { Sandbox } from "./sandboxes.ts";

export interface DoubleOptions {
  readonly apiKey?: string;
  readonly user?: SandboxUser;
  readonly changeMs?: number;
  /** A create is answered when the sandbox is up, and with the state that it had before, as the service mostly does. */
  readonly createWaits?: boolean;
  /** A sandbox's record does not say where its toolbox is; that has to be asked for. */
  readonly hidesToolbox?: boolean;
  readonly minuteMs?: number;
  /** Added to every request, for what a network costs. Milliseconds. */
  readonly latencyMs?: number;
  /** The shell that takes scripts and terminals; left out, the one that the service would choose among those of this machine. */
  readonly shell?: string;
  /** Programs of /usr/bin that its sandboxes do not have. */
  readonly lacks?: readonly string[];
  /** How clients reach it, where something stands in between; without a path. */
  readonly publicUrl?: string;
  /** A folder of this machine that its sandboxes have, too, under the same path. */
  readonly shared?: string;
}

export interface Double {
  /** What `daytona.api_base_url` is set to. */
  readonly url: string;
  readonly apiKey: string;
  /** Where its sandboxes are, each by its id with its files in `root`. */
  readonly folder: string;
  readonly faults: Faults;
  /** Every request so far, as `METHOD /path`, without its query. */
  readonly requests: string[];
  /** How many connections its clients have opened so far. */
  connections(): number;
  /** Of every upload so far: the length that was told before its body, and how that was sent. */
  readonly uploads: { readonly length: number; readonly chunked: boolean }[];
  /** The sandboxes that are not destroyed. */
  sandboxes(): Sandbox[];
  find(idOrName: string): Sandbox | undefined;
  stop(): Promise<void>;
}

export function startDouble(options: DoubleOptions = {}): Double {
  const {
    apiKey = "dtn_double",
    user = "daytona",
    changeMs = 30,
    createWaits = false,
    hidesToolbox = false,
    minuteMs = 60_000,
    latencyMs = 0,
    lacks = [],
    shared,
    shell,
  } = options;
  const folder = mkdtempSync(join(tmpdir(), "glue-daytona-"));
  const faults = new Faults();
  const requests: string[] = [];
  const ports = new Set<number>();
  const uploads: Double["uploads"] = [];
  const server = Bun.serve<SocketPair, never>({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: 4 * 1024 ** 3,
    // An answer that is cut on purpose is no news.
    development: false,
    error: () => new Response(null, { status: 500 }),
    async fetch(request, server) {
      const url = new URL(request.url);
      const name = `${request.method} ${url.pathname}`;
      requests.push(name);
      const port = server.requestIP(request)?.port;
      if (port !== undefined) ports.add(port);
      if (url.pathname.endsWith("/files/bulk-upload")) {
        const { headers } = request;
        uploads.push({ length: Number(headers.get("content-length")), chunked: headers.has("transfer-encoding") });
      }
      const hits = faults.take(name);
      const delay = latencyMs + hits.reduce((sum, { act, ms = 0 }) => (act === "delay" ? sum + ms : sum), 0);
      if (delay > 0) await Bun.sleep(delay);
      const refused = hits.find((fault): fault is Fault & { act: number } => typeof fault.act === "number");
      if (refused !== undefined) {
        if (refused.body !== undefined)
          return new Response(refused.body, { status: refused.act, headers: { ...refused.headers } });
        return refuse(request, refused.act, "a fault of the double", refused.headers);
      }
      if (url.pathname === "/api/config" || url.pathname === "/api/health")
        return control.handle(request, url.pathname.slice(4), hits);
      if (request.headers.get("authorization") !== `Bearer ${apiKey}`)
        return refuse(request, 401, "Invalid credentials");
      if (url.pathname.startsWith("/api/"))
        return await answerOrLose(hits, control.handle(request, url.pathname.slice(4), hits));
      const [, id, path] = /^\/toolbox\/([^/]+)(\/.*)$/.exec(url.pathname) ?? [];
      if (id === undefined) return Response.json({ message: "unauthorized" }, { status: 401 });
      const sandbox = control.sandboxes.get(id);
      if (sandbox === undefined || sandbox.state === "destroyed")
        return Response.json({ message: "sandbox container not found" }, { status: 404 });
      if (sandbox.port === undefined) {
        return Response.json(
          { message: "bad request: failed to resolve container IP. Is the Sandbox started?" },
          { status: 400 },
        );
      }
      const target = `/${id}${path}${url.search}`;
      if (request.headers.get("upgrade")?.toLowerCase() !== "websocket")
        return await forward(request, sandbox, target, hits);
      const [protocol] = request.headers.get("sec-websocket-protocol")?.split(/, */) ?? [];
      const headers = protocol === undefined ? {} : { "sec-websocket-protocol": protocol };
      const data = new SocketPair(sandbox, target, request.headers, hits);
      return server.upgrade(request, { data, headers }) ? undefined : new Response(null, { status: 400 });
    },
    websocket: {
      idleTimeout: 0,
      open: (socket) => socket.data.open(socket),
      message: (socket, message) => socket.data.message(message),
      close: (socket) => socket.data.close(),
    },
  });
  const base = `http://127.0.0.1:${server.port}`;
  const control = new ControlPlane({
    folder,
    user,
    changeMs,
    createWaits,
    hidesToolbox,
    minuteMs,
    lacks,
    toolboxUrl: `${options.publicUrl ?? base}/toolbox`,
    shared,
    shell,
  });
  return {
    url: `${base}/api`,
    apiKey,
    folder,
    faults,
    requests,
    connections: () => ports.size,
    uploads,
    sandboxes: () => [...control.sandboxes.values()].filter(({ state }) => state !== "destroyed"),
    find: (idOrName) => control.find(idOrName),
    async stop() {
      await Promise.all([...control.sandboxes.values()].map((sandbox) => sandbox.discard()));
      await server.stop(true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Does what was asked, and lets the connection end before the answer where a fault says so. */
async function answerOrLose(faults: readonly Fault[], answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  if (!faults.some(({ act }) => act === "lose")) return response;
  return new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("lost")) }));
}
