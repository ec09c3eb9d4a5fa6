import { fstatSync, readFileSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { Failure } from "./cli-arguments.ts";
import type { Service } from "./main.ts";

interface ExecFlags {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly dir: string | undefined;
  readonly env: readonly string[];
  readonly files: readonly string[];
}

/** Bytes that may wait in the socket before more of stdin is read. */
const WAITING_BYTES = 1_000_000;
const MAX_URL = 64 * 1024;

/** Runs a command in a sprite over the service's socket. Returns its exit code; a transport that fails is a `Failure`, whose code is 1. */
export async function exec(
  service: Service,
  sprite: string,
  command: readonly string[],
  flags: ExecFlags,
): Promise<number> {
  const failed = (why: string) => new Failure(`failed to start sprite command: ${why}`);
  for (const pair of flags.files) {
    const [from = "", to = ""] = pair.split(":");
    const query = new URLSearchParams({ path: to, workingDir: "/", mkdirParents: "true" });
    const headers = { "content-type": "application/octet-stream" };
    const answer = await service.ask(`/v1/sprites/${sprite}/fs/write?${query}`, {
      method: "PUT",
      body: readFileSync(from),
      headers,
    });
    if (!answer.ok) throw failed(`upload of ${from} failed: ${answer.status}`);
  }
  const known = await service.ask(`/v1/sprites/${sprite}`);
  if (known.status === 404) throw failed("sprite not found");
  const query = new URLSearchParams();
  for (const word of command) query.append("cmd", word);
  query.set("path", command[0] ?? "");
  query.set("stdin", String(flags.stdin));
  for (const pair of flags.env) query.append("env", pair);
  if (flags.dir !== undefined) query.set("dir", flags.dir);
  if (flags.tty) {
    const [columns = "80", rows = "24"] = size();
    query.set("tty", "true");
    query.set("cols", columns);
    query.set("rows", rows);
  }
  // The edge of the service refuses a longer request line, users report.
  if (query.toString().length > MAX_URL) throw failed("failed to connect: websocket: bad handshake (HTTP 414)");
  // The double's own server takes no request line of more than 16 KB; so long ones are handed in before.
  const stash = `/double/queries/${crypto.randomUUID()}`;
  const long = query.toString().length > 8_000;
  if (long) await service.ask(stash, { method: "PUT", body: query.toString() });
  const url = `${service.url.replace(/^http/, "ws")}/v1/sprites/${sprite}/exec?${long ? `stash=${stash}` : query}`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${service.token}` } } as unknown as string[]);
  socket.binaryType = "nodebuffer" as "arraybuffer";
  const over = Promise.withResolvers<number>();
  let open = false;
  socket.onopen = () => {
    open = true;
    if (flags.tty) relayTerminal(socket);
    else if (flags.stdin) void relayStdin(socket);
  };
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") {
      const said = JSON.parse(data) as { type: string; exit_code?: number };
      if (said.type === "exit") over.resolve(said.exit_code ?? 1);
      return;
    }
    const bytes = data as Buffer;
    if (flags.tty) return write(1, bytes);
    if (bytes[0] === 1 || bytes[0] === 2) write(bytes[0], bytes.subarray(1));
    if (bytes[0] === 3) over.resolve(bytes[1] ?? 0);
  };
  socket.onerror = (event) => {
    const status = /status code: (\d+)/.exec((event as ErrorEvent).message ?? "")?.[1];
    if (!open)
      over.reject(
        failed(
          `failed to connect: ${status === undefined ? "dial tcp: i/o timeout" : `websocket: bad handshake (HTTP ${status})`}`,
        ),
      );
  };
  socket.onclose = () =>
    over.reject(open ? new Failure("connection closed") : failed("failed to connect: connection refused"));
  const interrupted = () => over.resolve(130);
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", interrupted);
  return await over.promise;
}

/** Blocks while nobody reads: so the socket is not read either, and the other side waits. */
function write(fd: 1 | 2, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN") Bun.sleepSync(2);
      else process.exit(code === "EPIPE" ? 141 : 1);
    }
  }
}

async function relayStdin(socket: WebSocket): Promise<void> {
  // A terminal is not attached unless it is asked for.
  if (!isatty(0) && !fstatSync(0).isCharacterDevice()) {
    for await (const chunk of Bun.stdin.stream()) {
      for (let at = 0; at < chunk.length; at += 65_536)
        socket.send(Buffer.concat([Uint8Array.of(0), chunk.subarray(at, at + 65_536)]));
      while (socket.bufferedAmount > WAITING_BYTES) await Bun.sleep(2);
      if (socket.readyState !== WebSocket.OPEN) return;
    }
  }
  socket.send(Uint8Array.of(4));
}

function relayTerminal(socket: WebSocket): void {
  if (isatty(0)) {
    Bun.spawnSync(["stty", "raw", "-echo"], { stdin: "inherit" });
    process.on("SIGWINCH", () => {
      const [columns, rows] = size();
      socket.send(JSON.stringify({ type: "resize", cols: Number(columns), rows: Number(rows) }));
    });
  }
  process.stdin.on("data", (bytes: Buffer) => socket.send(bytes));
}

/** The terminal's columns and rows. */
function size(): string[] {
  return isatty(1) ? process.stdout.getWindowSize().map(String) : [];
}
