import type { ServerWebSocket } from "bun";
import { bodyOf, environmentOf, json, userShell } from "./reply.ts";

interface Pty {
  readonly id: string;
  readonly terminal: Bun.Terminal;
  readonly child: Bun.Subprocess;
  /** What was printed while nobody was connected. */
  early: Uint8Array[];
  readonly sockets: Set<ServerWebSocket<unknown>>;
}

const ptys = new Map<string, Pty>();

export interface PtySocket {
  open(socket: ServerWebSocket<unknown>): void;
  message(socket: ServerWebSocket<unknown>, message: string | Buffer): void;
  close(): void;
}

/** `POST|GET /process/pty`, `GET|DELETE /process/pty/{id}`, `POST /process/pty/{id}/resize`. */
export async function handlePty(path: string, request: Request): Promise<Response> {
  const [, id, verb] = /^\/process\/pty(?:\/([^/]+)(?:\/(resize))?)?$/.exec(path) ?? [];
  if (id === undefined) {
    if (request.method === "GET") return json({ sessions: [...ptys.values()].map(({ id }) => ({ id, active: true })) });
    return await create(request);
  }
  const pty = ptys.get(id);
  if (pty === undefined) return json({ error: "PTY session not found" }, 404);
  if (verb === "resize") {
    const { cols, rows } = await bodyOf(request);
    pty.terminal.resize(Number(cols), Number(rows));
    return json({ id });
  }
  if (request.method === "DELETE") {
    pty.child.kill("SIGHUP");
    pty.terminal.close();
    return json({ message: "PTY session deleted" });
  }
  return json({ id, active: true });
}

async function create(request: Request): Promise<Response> {
  const { id, cwd, envs, cols, rows } = await bodyOf(request);
  if (typeof id !== "string" || id === "") return json({ error: "id is required" }, 400);
  if (ptys.has(id)) return json({ error: "PTY session already exists" }, 409);
  const early: Uint8Array[] = [];
  const sockets = new Set<ServerWebSocket<unknown>>();
  const child = Bun.spawn([userShell(), "-i", "-l"], {
    // Else it would have no controlling terminal, and Ctrl-C no addressee.
    detached: true,
    terminal: {
      cols: Number(cols ?? 80),
      rows: Number(rows ?? 24),
      data(_, bytes) {
        const copy = new Uint8Array(bytes);
        if (sockets.size === 0) early.push(copy);
        for (const socket of sockets) socket.send(copy);
      },
    },
    cwd: typeof cwd === "string" && cwd !== "" ? cwd : (process.env.HOME ?? "/"),
    env: { ...process.env, TERM: "xterm-256color", ...environmentOf(envs) },
  });
  const { terminal } = child;
  if (terminal === undefined) return json({ error: "no terminal" }, 500);
  ptys.set(id, { id, terminal, child, early, sockets });
  void child.exited.then(async (code) => {
    // What is still on its way through the terminal comes first.
    await Bun.sleep(50);
    ptys.delete(id);
    for (const socket of sockets) {
      if (code === 0) socket.close(1000, JSON.stringify({ exitCode: 0 }));
      else socket.close(1011, JSON.stringify({ exitCode: code, exitReason: "process exited" }));
    }
    terminal.close();
  });
  return json({ sessionId: id }, 201);
}

/** `WS /process/pty/{id}/connect`. */
export function ptySocket(path: string): PtySocket | undefined {
  const [, id = ""] = /^\/process\/pty\/([^/]+)\/connect$/.exec(path) ?? [];
  const pty = ptys.get(id);
  if (pty === undefined) return undefined;
  let mine: ServerWebSocket<unknown> | undefined;
  return {
    open(socket) {
      mine = socket;
      socket.send(JSON.stringify({ type: "control", status: "connected" }));
      for (const bytes of pty.early.splice(0)) socket.send(bytes);
      pty.sockets.add(socket);
    },
    message: (_, message) => void pty.terminal.write(message),
    close() {
      if (mine !== undefined) pty.sockets.delete(mine);
    },
  };
}
