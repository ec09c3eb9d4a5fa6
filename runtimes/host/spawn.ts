/** One child process with its streams, however they are connected. */

import { drainAfterExit } from "../common/drain.ts";
import { emptyStream } from "../common/empty-stream.ts";
import { type ByteStream, GlueError, type PtySize } from "../contract.ts";
import { feed, type Sink } from "./feed.ts";
import { closeEnd, openPipe, type Pipe, pipeStream } from "./pipes.ts";
import { spawnInTerminal } from "./terminal.ts";

export interface Child {
  readonly pid: number;
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  /** 0–255; a signal as 128+n. */
  readonly exited: Promise<number>;
  /** True once the child is known to have been killed by a signal. */
  killed(): boolean;
  /** Settles when stdin was taken, or nobody takes it any more; rejects when its source failed. */
  readonly fed: Promise<void>;
  resize(columns: number, rows: number): void;
}

export interface SpawnOptions {
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly stdin: ByteStream | Uint8Array | undefined;
  readonly inherit: boolean;
  readonly pty: PtySize | undefined;
}

/**
 * Starts `argv` as the leader of a session of its own. Throws what the system says (ENOENT, EACCES, ENOEXEC, E2BIG …) with its
 * `code`, and then nothing was started.
 */
export async function spawnChild(argv: readonly string[], options: SpawnOptions): Promise<Child> {
  if (options.pty !== undefined) return spawnInTerminal(argv, options, options.pty);
  // Without anything to connect there is nothing to wait for before the child can start.
  const stdin = options.stdin === undefined || options.inherit ? undefined : await openPipe();
  const stdout = options.inherit ? undefined : await openPipe();
  const stderr = options.inherit ? undefined : await openPipe();
  const pipes = [stdin, stdout, stderr].filter((pipe) => pipe !== undefined);
  try {
    return connect(spawnWith(argv, options, stdin, stdout, stderr), options, { stdin, stdout, stderr });
  } catch (error) {
    for (const pipe of pipes) {
      closeEnd(pipe.read);
      closeEnd(pipe.write);
    }
    throw error;
  }
}

function spawnWith(argv: readonly string[], options: SpawnOptions, stdin?: Pipe, stdout?: Pipe, stderr?: Pipe) {
  const otherwise = options.inherit ? "inherit" : "pipe";
  return Bun.spawn([...argv], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdin: options.stdin === undefined ? "ignore" : (stdin?.read ?? otherwise),
    stdout: stdout?.write ?? otherwise,
    stderr: stderr?.write ?? otherwise,
  });
}

function connect(
  child: ReturnType<typeof spawnWith>,
  options: SpawnOptions,
  pipes: { stdin: Pipe | undefined; stdout: Pipe | undefined; stderr: Pipe | undefined },
): Child {
  // The child has its own copies of these ends now; ours would keep the streams from ending.
  if (pipes.stdin !== undefined) closeEnd(pipes.stdin.read);
  if (pipes.stdout !== undefined) closeEnd(pipes.stdout.write);
  if (pipes.stderr !== undefined) closeEnd(pipes.stderr.write);
  const exited = child.exited;
  return {
    pid: child.pid,
    stdout: outputOf(pipes.stdout, child.stdout, exited),
    stderr: outputOf(pipes.stderr, child.stderr, exited),
    exited,
    killed: () => child.signalCode !== null,
    fed:
      options.stdin === undefined || options.inherit
        ? Promise.resolve()
        : feedChild(options.stdin, pipes.stdin, child.stdin, exited),
    resize: () => undefined,
  };
}

function outputOf(pipe: Pipe | undefined, own: unknown, exited: Promise<unknown>): ByteStream {
  if (pipe !== undefined) return drainAfterExit(pipeStream(pipe.read), exited, {}, () => closeEnd(pipe.read));
  if (own instanceof ReadableStream) return drainAfterExit(own, exited);
  return emptyStream();
}

async function feedChild(
  source: ByteStream | Uint8Array,
  pipe: Pipe | undefined,
  own: unknown,
  exited: Promise<unknown>,
): Promise<void> {
  const sink = pipe === undefined ? (own as Sink) : Bun.file(pipe.write).writer({ highWaterMark: 1 << 16 });
  try {
    await feed(source, sink, exited);
  } finally {
    if (pipe !== undefined) closeEnd(pipe.write);
  }
}

/** The `code` of a system error (ENOENT …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What is told when the system starts no process for a reason that no shell would word as 126 or 127. */
export function startError(error: unknown): GlueError {
  if (systemCode(error) === "E2BIG") {
    return new GlueError("argumentTooLong", "The arguments and the environment are longer than the system takes.", {
      hint: "Pass the data by stdin or in a file.",
      cause: error,
    });
  }
  const why = error instanceof Error ? error.message : String(error);
  return new GlueError("startFailed", `The system did not start the command: ${why}`, { cause: error });
}
