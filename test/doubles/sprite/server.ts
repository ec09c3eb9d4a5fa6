/**
 * A Sprites service on the loopback: its API over HTTP and WebSocket, whose sprites run commands for real, each in a root and a process
 * namespace of its own. The executable beside it is the service's command line program on the same state. Needs root, unshare, nsenter,
 * setpriv, sudo and curl. Built from what is publicly known of the service, and held against the official client by
 * test/sprites/official-client.test.ts.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecSocket } from "./exec-session.ts";
import { Faults } from "./faults.ts";
import { handleFiles } from "./files-api.ts";
import { Sprite } from "./sprites.ts";

export interface Double {
  readonly url: string;
  readonly token: string;
  /** What `sprites.sprite_cli` is set to. */
  readonly cli: string;
  /** What the executable needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly faults: Faults;
  /** Every exec so far, by its command line. */
  readonly execs: string[];
  sprites(): Sprite[];
  find(name: string): Sprite | undefined;
  stop(): Promise<void>;
}

export interface DoubleOptions {
  /** Added to every request, for what a network costs. Milliseconds. */
  readonly latencyMs?: number;
  /** How long a command goes on without a client, where the client does not say. Milliseconds. */
  readonly afterDisconnectMs?: number;
  /** A folder of this machine that every sprite sees under the same path. */
  readonly shared?: string;
}

/** In front of the pid of the process whose sprites lie in a folder. */
const FOLDER = "glue-sprites-";

/** Of doubles whose process was killed: their sprites died with it, their files stay. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${FOLDER}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

export function startDouble({ latencyMs = 0, afterDisconnectMs = 10_000, shared }: DoubleOptions = {}): Double {
  removeLeftovers();
  const folder = mkdtempSync(join(tmpdir(), `${FOLDER}${process.pid}-`));
  const token = "double-org/1/token/secret";
  const faults = new Faults();
  const execs: string[] = [];
  const queries = new Map<string, URLSearchParams>();
  const sprites = new Map<string, Sprite>();

  async function create(request: Request): Promise<Response> {
    const { name, labels = [] } = (await request.json()) as { name: string; labels?: string[] };
    if (faults.take("capacity") !== undefined)
      return Response.json(
        { error: "concurrent_sprite_limit_exceeded", message: "Maximum concurrent sprites (3) reached", limit: 3 },
        { status: 429 },
      );
    if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
      return Response.json({ error: "invalid name" }, { status: 400 });
    if (sprites.has(name))
      return Response.json({ error: "name_taken", message: `sprite ${name} already exists` }, { status: 422 });
    const sprite = new Sprite(name, labels, `${folder}/${name}`, faults, shared);
    sprites.set(name, sprite);
    await sprite.root.start();
    if (faults.take("lost-create") !== undefined) return new Response("bad gateway", { status: 502 });
    return Response.json(sprite.show(), { status: 201 });
  }

  function list(query: URLSearchParams): Response {
    const limit = Number(query.get("max_results") ?? 50);
    const from = Number(query.get("continuation_token") ?? 0);
    const all = [...sprites.values()].filter(({ name }) => name.startsWith(query.get("prefix") ?? ""));
    const has_more = from + limit < all.length;
    return Response.json({
      sprites: all.slice(from, from + limit).map((sprite) => sprite.show()),
      has_more,
      ...(has_more ? { next_continuation_token: String(from + limit) } : {}),
    });
  }

  async function execSocket(
    request: Request,
    server: Bun.Server<ExecSocket>,
    sprite: Sprite,
    query: URLSearchParams,
    attachTo?: string,
  ) {
    const refused = faults.take("handshake", query.getAll("cmd").join(" "));
    if (refused !== undefined) return new Response("bad gateway", { status: refused.status ?? 502 });
    const attached = attachTo === undefined ? undefined : sprite.sessions.get(attachTo);
    if (attachTo !== undefined && attached === undefined)
      return Response.json({ error: "session not found" }, { status: 404 });
    const command = query.getAll("cmd");
    const tty = query.get("tty") === "true";
    const given = query.get("max_run_after_disconnect");
    const stated = given === null ? (tty ? undefined : afterDisconnectMs) : Number.parseFloat(given) * 1_000;
    if (attached === undefined) execs.push(command.join(" "));
    const session =
      attached ??
      (await sprite.exec({
        command,
        env: query.getAll("env"),
        dir: query.get("dir") ?? undefined,
        tty,
        stdin: query.get("stdin") !== "false",
        rows: Number(query.get("rows") ?? 24),
        columns: Number(query.get("cols") ?? 80),
        afterDisconnectMs: stated,
      }));
    faults.saw(command.join(" "));
    return server.upgrade(request, { data: { session } }) ? undefined : new Response("upgrade wanted", { status: 400 });
  }

  async function inSprite(
    request: Request,
    server: Bun.Server<ExecSocket>,
    sprite: Sprite,
    rest: string,
    query: URLSearchParams,
  ) {
    if (faults.take("asleep") !== undefined) {
      const body = {
        error: "sprite_starting",
        sprite_id: sprite.id,
        message: "the sprite is starting",
        retry_after_seconds: 1,
      };
      return Response.json(body, { status: 503 });
    }
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    const [, area = "", id, verb] = /^\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(rest) ?? [];
    if (area === "exec" && upgrade) return await execSocket(request, server, sprite, query, id);
    if (area === "exec" && request.method === "GET") {
      const sessions = [...sprite.sessions.values()].map((session) => ({
        id: session.id,
        command: session.request.command.join(" "),
        created: session.created.toISOString(),
        tty: session.request.tty,
        is_active: true,
      }));
      return Response.json({ sessions });
    }
    if (area === "exec" && verb === "kill" && id !== undefined) {
      const session = sprite.sessions.get(id);
      if (session === undefined) return Response.json({ error: "session not found" }, { status: 404 });
      session.kill((query.get("signal") ?? "SIGTERM") as NodeJS.Signals);
      await Promise.race([session.over, Bun.sleep(5_000)]);
      return new Response(
        `${JSON.stringify({ type: "signal", signal: query.get("signal") })}\n${JSON.stringify({ type: "complete" })}\n`,
      );
    }
    if (area === "fs" && id !== undefined) return await handleFiles(sprite, id, request, query);
    if (area === "checkpoint" && request.method === "POST") {
      const { comment = "" } = (await request.json()) as { comment?: string };
      const { id } = sprite.checkpoint(comment);
      return new Response(
        `${JSON.stringify({ type: "info", data: "saving" })}\n${JSON.stringify({ type: "complete", data: `Checkpoint ${id} created` })}\n`,
      );
    }
    if (area === "checkpoints" && verb === "restore" && id !== undefined) {
      await sprite.root.restore(id);
      return new Response(`${JSON.stringify({ type: "complete", data: "restored" })}\n`);
    }
    if (area === "checkpoints") return Response.json(sprite.checkpoints);
    return Response.json({ error: "not found" }, { status: 404 });
  }

  const server = Bun.serve<ExecSocket>({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: 4 * 1024 ** 3,
    async fetch(request, server) {
      const url = new URL(request.url);
      if (latencyMs > 0) await Bun.sleep(latencyMs);
      if (request.headers.get("authorization") !== `Bearer ${token}` || faults.take("logged-out") !== undefined)
        return Response.json({ error: "unauthorized" }, { status: 401 });
      if (url.pathname.startsWith("/double/queries/")) {
        queries.set(url.pathname, new URLSearchParams(await request.text()));
        return new Response(null, { status: 204 });
      }
      if (url.pathname === "/v1/sprites")
        return request.method === "POST" ? await create(request) : list(url.searchParams);
      const [, name = "", rest = ""] = /^\/v1\/sprites\/([^/]+)(\/.*)?$/.exec(url.pathname) ?? [];
      const sprite = sprites.get(decodeURIComponent(name));
      if (sprite === undefined) return Response.json({ error: `sprite ${name} not found` }, { status: 404 });
      if (rest !== "")
        return await inSprite(
          request,
          server,
          sprite,
          rest,
          queries.get(url.searchParams.get("stash") ?? "") ?? url.searchParams,
        );
      if (request.method !== "DELETE") return Response.json(sprite.show());
      if (faults.take("destroy") !== undefined) return Response.json({ error: "internal" }, { status: 500 });
      sprites.delete(sprite.name);
      await sprite.root.remove();
      return new Response(null, { status: 204 });
    },
    websocket: {
      idleTimeout: 0,
      maxPayloadLength: 64 * 1024 * 1024,
      backpressureLimit: 64 * 1024 * 1024,
      open: (socket) => socket.data.session.attach(socket),
      message: (socket, message) => socket.data.session.receive(message),
      drain: (socket) => socket.data.drained?.(),
      close(socket) {
        socket.data.drained?.();
        socket.data.session.detach(socket);
      },
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  writeFileSync(join(folder, "server.json"), JSON.stringify({ url, token }));
  return {
    url,
    token,
    cli: join(import.meta.dir, "sprite"),
    env: { FAKE_SPRITE_STATE: folder },
    faults,
    execs,
    sprites: () => [...sprites.values()],
    find: (name) => sprites.get(name),
    async stop() {
      await Promise.all([...sprites.values()].map(({ root }) => root.remove()));
      await server.stop(true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
