import type { ServerWebSocket } from "bun";
import type { Faults } from "./faults.ts";
import { childrenOf, type SpriteRoot, UIDS } from "./root.ts";

/** The first byte of a frame, where there is no terminal. */
const FRAME = { stdin: 0, stdout: 1, stderr: 2, exit: 3, stdinEnd: 4 } as const;

export interface ExecRequest {
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly dir: string | undefined;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly rows: number;
  readonly columns: number;
  /** How long it goes on without a client, in milliseconds; without an end where undefined. */
  readonly afterDisconnectMs: number | undefined;
}

/** Gives a command a pipe for its stdin: Bun's are sockets, which cannot be opened by name. The same process becomes the command. */
const REAL_PIPE = `pipe(my $r, my $w);
if (!fork) {
  close($r);
  open(STDOUT, ">&", $w);
  close($w);
  exec("cat");
}
close($w);
# Whose pipe it is decides who may open it by name.
chown(${UIDS.sprite}, ${UIDS.sprite}, $r);
open(STDIN, "<&", $r);
close($r);
exec(@ARGV);`;

/** What a socket of the double is for. */
export interface ExecSocket {
  readonly session: ExecSession;
  drained?: () => void;
}

type Socket = ServerWebSocket<ExecSocket>;

/** One command in a sprite: it outlives its client for a while, and others can attach to it. */
export class ExecSession {
  readonly id: string;
  readonly request: ExecRequest;
  readonly created = new Date();
  /** Resolves when the command is over and its output was sent. */
  readonly over: Promise<number>;
  readonly #faults: Faults;
  readonly #child: Bun.Subprocess;
  readonly #sockets = new Set<Socket>();
  readonly #sent = { stdout: 0, stderr: 0 };
  readonly #lose: number | undefined;
  readonly #loseUpTo: number | undefined;
  readonly #cut: number | undefined;
  /** How much more of its input arrives. */
  #taken: number;
  readonly #delayMs: number;
  readonly #first = Promise.withResolvers<void>();
  #exit: number | undefined;
  #leash: ReturnType<typeof setTimeout> | undefined;
  #stdin: Promise<unknown> = Promise.resolve();

  constructor(id: string, root: SpriteRoot, request: ExecRequest, faults: Faults) {
    this.id = id;
    this.request = request;
    this.#faults = faults;
    const line = request.command.join(" ");
    const lost = faults.take("lose-stdout", line);
    this.#lose = lost?.bytes;
    this.#loseUpTo = lost?.upTo;
    this.#cut = faults.take("cut", line)?.bytes;
    this.#taken = faults.take("lose-stdin", line)?.bytes ?? Number.POSITIVE_INFINITY;
    this.#delayMs = faults.take("delay", line)?.ms ?? 0;
    const argv = root.enter(request.command, {
      tty: request.tty,
      ...(request.dir === undefined ? {} : { dir: request.dir }),
      ...(request.env.length === 0 ? {} : { env: request.env }),
    });
    const env = { PATH: process.env.PATH ?? "" };
    if (request.tty) {
      const terminal = {
        cols: request.columns,
        rows: request.rows,
        data: (_: unknown, bytes: Uint8Array) => this.#raw(bytes),
      };
      this.#child = Bun.spawn(argv, { env, cwd: "/", terminal });
      this.over = this.#end(this.#child.exited);
    } else {
      const words = ["perl", "-e", REAL_PIPE, "--", ...argv];
      const child = Bun.spawn(words, { env, cwd: "/", stdin: "pipe", stdout: "pipe", stderr: "pipe" });
      this.#child = child;
      if (!request.stdin) void child.stdin.end();
      // As with a program of Go that copies a command's pipes: over when they are closed, not when the command is.
      const all = Promise.all([this.#pump("stdout", child.stdout), this.#pump("stderr", child.stderr)]);
      this.over = this.#end(all.then(() => child.exited));
    }
  }

  attach(socket: Socket): void {
    clearTimeout(this.#leash);
    this.#sockets.add(socket);
    socket.send(
      JSON.stringify({
        type: "session_info",
        session_id: this.id,
        command: this.request.command.join(" "),
        tty: this.request.tty,
      }),
    );
    this.#first.resolve();
    if (this.#cut === 0) socket.terminate();
    else if (this.#exit !== undefined) this.#tellExit(socket, this.#exit);
  }

  detach(socket: Socket): void {
    this.#sockets.delete(socket);
    const { afterDisconnectMs } = this.request;
    if (this.#sockets.size > 0 || this.#exit !== undefined || afterDisconnectMs === undefined) return;
    this.#leash = setTimeout(() => this.kill("SIGKILL"), afterDisconnectMs);
  }

  receive(message: string | Buffer): void {
    if (typeof message === "string") this.#control(message);
    else if (this.request.tty) this.#child.terminal?.write(message);
    else this.#feed(message);
  }

  #feed(message: Buffer): void {
    const sink = this.#child.stdin;
    if (sink === undefined || typeof sink === "number") return;
    const bytes = Buffer.from(message.subarray(1, 1 + Math.min(this.#taken, message.length)));
    this.#taken -= bytes.length;
    const [id] = message;
    this.#stdin = this.#stdin.then(async () => {
      try {
        if (id === FRAME.stdin) await sink.write(bytes);
        else if (id === FRAME.stdinEnd) await sink.end();
      } catch {
        // Nobody reads it any more.
      }
    });
  }

  /** Sends a signal to the command's processes. */
  kill(signal: NodeJS.Signals): void {
    const pids = childrenOf(this.#child.pid);
    // Not there yet: what brings it into the sprite has only just been started.
    if (pids.length === 0 && this.#child.exitCode === null && this.#child.signalCode === null) {
      setTimeout(() => this.kill(signal), 10);
    }
    for (const pid of pids) {
      try {
        process.kill(this.request.tty ? pid : -pid, signal);
      } catch {
        // Gone in this moment.
      }
    }
  }

  #control(message: string): void {
    const { type, cols, rows, signal } = JSON.parse(message) as {
      type: string;
      cols?: number;
      rows?: number;
      signal?: string;
    };
    if (type === "resize") this.#child.terminal?.resize(cols ?? 80, rows ?? 24);
    if (type === "signal") this.kill((signal?.startsWith("SIG") ? signal : `SIG${signal}`) as NodeJS.Signals);
  }

  #raw(bytes: Uint8Array): void {
    const copy = Buffer.from(bytes);
    void this.#first.promise.then(() => {
      for (const socket of this.#sockets) socket.sendBinary(copy);
    });
  }

  async #pump(name: "stdout" | "stderr", stream: ReadableStream<Uint8Array>): Promise<void> {
    await this.#first.promise;
    if (this.#delayMs > 0) await Bun.sleep(this.#delayMs);
    for await (const chunk of stream) {
      const limit =
        name === "stdout" ? (this.#cut ?? this.#lose ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
      const at = this.#sent[name];
      const begin = chunk.subarray(0, Math.max(0, limit - at));
      const rest =
        name === "stdout" && this.#loseUpTo !== undefined
          ? chunk.subarray(Math.max(begin.length, this.#loseUpTo - at))
          : undefined;
      const kept = rest === undefined ? begin : Buffer.concat([begin, rest]);
      this.#sent[name] += chunk.length;
      // A frame of its own, since the buffer is used again.
      if (kept.length > 0)
        await Promise.all(
          [...this.#sockets].map((socket) => send(socket, Buffer.concat([Uint8Array.of(FRAME[name]), kept]))),
        );
      if (this.#cut !== undefined && this.#sent.stdout >= this.#cut)
        for (const socket of this.#sockets) socket.terminate();
    }
  }

  async #end(over: Promise<number>): Promise<number> {
    const code = await over;
    await this.#first.promise;
    // What the terminal wrote last is still on its way.
    if (this.request.tty) await Bun.sleep(20);
    clearTimeout(this.#leash);
    const sink = this.#child.stdin;
    // Nobody reads it any more, and what passes it on ends with it.
    if (sink !== null && typeof sink === "object") void Promise.resolve(sink.end()).catch(() => undefined);
    this.#exit = code;
    for (const socket of this.#sockets) this.#tellExit(socket, code);
    return code;
  }

  #tellExit(socket: Socket, code: number): void {
    if (this.#faults.take("no-exit", this.request.command.join(" ")) !== undefined) {
      socket.close(1011);
      return;
    }
    if (this.request.tty) socket.sendText(JSON.stringify({ type: "exit", exit_code: code }));
    else socket.sendBinary(Uint8Array.of(FRAME.exit, code));
    // Clients are known to have to close it themselves; this is when the service would.
    setTimeout(() => socket.close(1000), 5_000).unref();
  }
}

/** Resolves when the socket takes more. */
async function send(socket: Socket, frame: Uint8Array): Promise<void> {
  if (socket.readyState !== WebSocket.OPEN || socket.sendBinary(frame) >= 0) return;
  await new Promise<void>((resolve) => {
    socket.data.drained = resolve;
    setTimeout(resolve, 60_000).unref();
  });
}
