/**
 * The toolbox of one sandbox: runs inside it, as its user, and serves what Daytona's own daemon serves (toolbox API of 0.190 to 0.218).
 * Arguments: the folder into which it writes the port that it listens on. Whoever it belongs to adds `x-test-*` headers for faults.
 */
import { writeFileSync } from "node:fs";
import { execute } from "./execute.ts";
import { handleFiles } from "./files.ts";
import { type LogSocket, logSocket } from "./logs.ts";
import { handlePty, type PtySocket, ptySocket } from "./pty.ts";
import { failure, json } from "./reply.ts";
import { Sessions } from "./sessions.ts";

type SocketData = LogSocket | PtySocket;

const [folder = "/run/toolbox"] = process.argv.slice(2);
const sessions = new Sessions(`${process.env.HOME}/.toolbox`);

const server = Bun.serve<SocketData, never>({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  maxRequestBodySize: 4 * 1024 ** 3,
  async fetch(request, server) {
    const url = new URL(request.url);
    const path = decodeURIComponent(url.pathname).replace(/^\/[^/]+/, "");
    try {
      if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
        const data = logSocket(sessions, path, url, request) ?? ptySocket(path);
        if (data === undefined) return failure(request, 404, "not found");
        return server.upgrade(request, { data }) ? undefined : failure(request, 400, "not a websocket");
      }
      if (path === "/version") return json({ version: "0.218.0-double" });
      if (path === "/work-dir" || path === "/user-home-dir") return json({ dir: process.env.HOME });
      if (path === "/process/execute" && request.method === "POST") return await execute(request);
      if (path.startsWith("/process/session")) return await sessions.handle(path, request);
      if (path.startsWith("/process/pty")) return await handlePty(path, request);
      if (path.startsWith("/files")) return await handleFiles(path, url, request);
      return failure(request, 404, "not found");
    } catch (error) {
      return failure(request, 400, error instanceof Error ? error.message : String(error));
    }
  },
  websocket: {
    idleTimeout: 0,
    open: (socket) => socket.data.open(socket),
    message: (socket, message) => socket.data.message(socket, message),
    close: (socket) => socket.data.close(),
  },
});
writeFileSync(`${folder}/port`, String(server.port));
