import { open } from "node:fs/promises";
import type { ServerWebSocket } from "bun";
import { stripMarks } from "./marks.ts";
import { exitCodeOf, type SessionCommand, type Sessions } from "./sessions.ts";
import { wantsMarks } from "./version.ts";

const FRAME = 1024;
const AT_END = 50;

/** What a socket on a log does with what happens to it. */
export interface LogSocket {
  open(socket: ServerWebSocket<unknown>): void;
  message(socket: ServerWebSocket<unknown>, message: string | Buffer): void;
  close(): void;
}

/** `WS …/command/{id}/logs`: the log from its first byte, then what is added to it. */
export function logSocket(sessions: Sessions, path: string, url: URL, request: Request): LogSocket | undefined {
  const [, sid = "", cid = ""] = /^\/process\/session\/([^/]+)\/command\/([^/]+)\/logs$/.exec(path) ?? [];
  const command = sessions.find(sid, cid);
  if (command === undefined) return undefined;
  const follow = url.searchParams.get("follow") === "true";
  const marks = wantsMarks(request.headers, request.headers.get("x-daytona-protocols") ?? "");
  let closed = false;
  let spoken = false;
  return {
    open: (socket) => {
      void pour(socket, command, {
        follow,
        marks,
        closed: () => closed,
        known: () => sessions.find(sid, cid) !== undefined,
        spoken: () => spoken,
      });
    },
    message: () => {
      // The server takes its client's first message for the end of the connection's signal, and then never closes.
      spoken = true;
    },
    close: () => {
      closed = true;
    },
  };
}

interface Pouring {
  readonly follow: boolean;
  readonly marks: boolean;
  readonly closed: () => boolean;
  readonly known: () => boolean;
  readonly spoken: () => boolean;
}

async function pour(socket: ServerWebSocket<unknown>, command: SessionCommand, how: Pouring): Promise<void> {
  const file = await open(`${command.folder}/log`, "r");
  try {
    let atEnd = 0;
    const buffer = Buffer.alloc(FRAME);
    while (!how.closed()) {
      if (!how.known()) return void socket.close(1000);
      const { bytesRead } = await file.read(buffer, 0, FRAME);
      if (bytesRead > 0) {
        atEnd = 0;
        const bytes = Buffer.from(buffer.subarray(0, bytesRead));
        socket.send(how.marks ? bytes : stripMarks(bytes));
        while (socket.getBufferedAmount() > 1_000_000 && !how.closed()) await Bun.sleep(2);
        continue;
      }
      if (!how.follow) return void socket.close(1000);
      atEnd += 1;
      if (atEnd >= AT_END && exitCodeOf(command) !== undefined && !how.spoken()) return void socket.close(1000);
      await Bun.sleep(20);
    }
  } finally {
    await file.close();
  }
}
