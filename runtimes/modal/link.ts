import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GlueError } from "../contract.ts";
import { sidecarFile } from "./program.ts";
import type { Python } from "./python.ts";

/** The way to a sidecar: bytes there and bytes back. */
export interface Link {
  readonly output: AsyncIterable<Uint8Array>;
  /** Queues a frame, whose payload must stay as it is; a link that has ended takes nothing, which its output's end tells. */
  write(line: Uint8Array, payload?: Uint8Array): void;
  /** Says that nothing more is to come. */
  end(): void;
  /** Says so, and no longer holds up the end of this process: the other side may have more to do. */
  leave(): void;
  /** Breaks it off. */
  kill(): void;
  /** Resolves, when it is over, to how that came about, in a few words. */
  readonly over: Promise<string>;
}

/** Of what the sidecar wrote to its log, for people. */
const TAIL_BYTES = 2_000;

/** Starts a sidecar of this process's own. What it prints for people is kept, and its end is part of `over`. */
export function startProcess(python: Python): Link {
  const folder = mkdtempSync(join(tmpdir(), "glue-modal-"));
  const log = join(folder, "log");
  const stderr = openSync(log, "a", 0o600);
  try {
    const child = Bun.spawn([...python.argv, sidecarFile()], {
      cwd: "/",
      env: {
        ...process.env,
        // Answers of a service that is overloaded are waited for only so long.
        MODAL_MAX_THROTTLE_WAIT: "60",
        MODAL_ASYNC_WARNINGS: "0",
        MODAL_LOGLEVEL: "ERROR",
        PYTHONUNBUFFERED: "1",
        PYTHONUTF8: "1",
        PYTHONDONTWRITEBYTECODE: "1",
        AGENT: "glue",
        GLUE_SIDECAR_LOG: folder,
      },
      stdin: "pipe",
      stdout: "pipe",
      stderr,
      // A session of its own: a Ctrl-C in the terminal is for glue.
      detached: true,
    });
    const over = child.exited.then(() => {
      const tail = readTail(log);
      rmSync(folder, { recursive: true, force: true });
      return `${child.signalCode ?? `exit code ${child.exitCode}`}${tail === "" ? "" : `: ${tail}`}`;
    });
    return {
      output: child.stdout,
      over,
      write(line, payload) {
        child.stdin.write(line);
        if (payload !== undefined) child.stdin.write(payload);
        void Promise.resolve(child.stdin.flush()).catch(ignoreClosed);
      },
      end: () => void Promise.resolve(child.stdin.end()).catch(ignoreClosed),
      leave() {
        void Promise.resolve(child.stdin.end()).catch(ignoreClosed);
        rmSync(folder, { recursive: true, force: true });
        child.unref();
      },
      kill: () => child.kill("SIGKILL"),
    };
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw new GlueError("runtimeNotListening", `${python.argv.join(" ")} cannot be started.`, {
      hint: "Set modal.python_path to the Python that has modal.",
      cause,
    });
  } finally {
    closeSync(stderr);
  }
}

/** A sidecar that another process of this user has started and serves on a socket; undefined where nobody answers there. */
export async function connectTo(path: string): Promise<Link | undefined> {
  const { createConnection } = await import("node:net");
  const socket = createConnection(path);
  const connected = Promise.withResolvers<boolean>();
  const over = Promise.withResolvers<string>();
  socket.on("connect", () => connected.resolve(true));
  // What an error means is told by the end, which follows it.
  socket.on("error", () => connected.resolve(false));
  socket.on("close", () => over.resolve("the process that served it has closed the connection"));
  if (!(await connected.promise)) return undefined;
  return {
    output: socket,
    over: over.promise,
    write(line, payload) {
      socket.write(line);
      if (payload !== undefined) socket.write(payload);
    },
    end: () => void socket.end(),
    leave: () => void socket.end(),
    kill: () => void socket.destroy(),
  };
}

function readTail(log: string): string {
  try {
    return readFileSync(log, "utf8").slice(-TAIL_BYTES).trim();
  } catch {
    // Its folder was swept away: there is nothing to show.
    return "";
  }
}

/** A pipe that nobody reads any more: the process's end says so as well. */
function ignoreClosed(): void {
  return;
}
