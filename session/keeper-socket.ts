import { chmodSync } from "node:fs";
import { GlueError } from "../spec/glue-error.ts";
import { removeIfThere } from "./atomic-file.ts";

/**
 * The keeper's protocol: one JSON value a line on a unix socket, each request `{"do": NAME, …}` answered by one line, in order:
 * `{"ok": true, …}` or `{"ok": false, "message": …}`. A connection may carry any number of them.
 */
export type Answer =
  | { readonly ok: true; readonly [key: string]: unknown }
  | { readonly ok: false; readonly message: string };
export interface KeeperRequest {
  readonly do: string;
  readonly [key: string]: unknown;
}
/** Answers a request with the fields that go beside `ok`. What it throws becomes the message. */
export type KeeperHandler = (request: KeeperRequest) => Promise<Readonly<Record<string, unknown>>>;

/** A request or an answer that is longer is refused: a talker that never ends its line must not fill the memory. Characters. */
const LONGEST_LINE = 1_000_000;

/** Listens at `path`, for this user alone. A socket that a dead keeper left there is replaced. */
export function serveKeeper(path: string, handler: KeeperHandler): { stop(): void } {
  removeIfThere(path);
  const before = process.umask(0o177);
  try {
    const server = Bun.listen<{ split: LineSplitter; queue: Promise<void> }>({
      unix: path,
      socket: {
        open(socket) {
          socket.data = { split: lineSplitter(), queue: Promise.resolve() };
        },
        data(socket, bytes) {
          for (const line of socket.data.split(bytes)) {
            socket.data.queue = socket.data.queue.then(async () => {
              socket.write(
                `${JSON.stringify(line === TOO_LONG ? refusal(TOO_LONG) : await answerTo(line, handler))}\n`,
              );
              if (line === TOO_LONG) socket.end();
            });
          }
        },
      },
    });
    chmodSync(path, 0o600);
    return {
      stop() {
        server.stop(true);
        removeIfThere(path);
      },
    };
  } finally {
    process.umask(before);
  }
}

async function answerTo(line: string, handler: KeeperHandler): Promise<Answer> {
  try {
    const request: unknown = JSON.parse(line);
    if (typeof request !== "object" || request === null || !("do" in request) || typeof request.do !== "string") {
      return refusal("A request is an object with the field do.");
    }
    return { ok: true, ...(await handler(request as KeeperRequest)) };
  } catch (error) {
    return refusal(error instanceof Error ? error.message : String(error));
  }
}

const refusal = (message: string): Answer => ({ ok: false, message });

/** Asks the keeper at `path` one thing. `runtimeUnreachable` when it does not answer in time. */
export async function askKeeper(path: string, request: KeeperRequest, timeoutMs: number): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const silent = (why: string, cause?: unknown) =>
    reject(
      new GlueError("runtimeUnreachable", `The session's keeper does not answer: ${why}.`, { cause, retryable: true }),
    );
  const split = lineSplitter();
  const timer = setTimeout(() => silent(`nothing within ${timeoutMs} ms`), timeoutMs);
  try {
    const socket = await Bun.connect({
      unix: path,
      socket: {
        data(_, bytes) {
          const [line] = split(bytes);
          if (line !== undefined) resolve(JSON.parse(line) as Answer);
        },
        close: () => silent("it hung up"),
      },
    });
    socket.write(`${JSON.stringify(request)}\n`);
    try {
      return await promise;
    } finally {
      socket.end();
    }
  } catch (error) {
    if (error instanceof GlueError) throw error;
    silent("nobody listens", error);
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

type LineSplitter = (bytes: Uint8Array) => string[];
const TOO_LONG = "The line is too long.";

function lineSplitter(): LineSplitter {
  const decoder = new TextDecoder();
  let held = "";
  return (bytes) => {
    held += decoder.decode(bytes, { stream: true });
    if (held.length > LONGEST_LINE) {
      held = "";
      return [TOO_LONG];
    }
    const lines = held.split("\n");
    held = lines.pop() ?? "";
    return lines;
  };
}
