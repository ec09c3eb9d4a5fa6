import type WebSocket from "ws";
import { quote } from "../common/command-line.ts";
import { emptyStream } from "../common/empty-stream.ts";
import { resultOfRecord } from "../common/exit-record.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import {
  type ByteStream,
  type CommandResult,
  GlueError,
  type PtySize,
  type RunningCommand,
  type RunOptions,
} from "../contract.ts";
import { cwdInvalid } from "./executor.ts";
import type { Place } from "./place.ts";
import { openSocket } from "./socket.ts";
import type { Spool } from "./spool.ts";
import { terminalRecord } from "./terminal-record.ts";
import type { Toolbox } from "./toolbox.ts";

export interface TerminalRequest {
  readonly id: string;
  /** What `sh` runs. */
  readonly script: string;
  readonly graceMs: number;
  readonly options: RunOptions;
  readonly pty: PtySize;
  readonly cwd: string;
}

const READY_MS = 30_000;
/** How long the end of a terminal's output is waited for once the command is over. */
const LAST_WORDS_MS = 2_000;
/** What a terminal's line discipline takes for the end of input (Ctrl-D). */
const END_OF_INPUT = new Uint8Array([4]);
/** The service takes 64 KiB at a time; a terminal's own queue is shorter. Bytes. */
const KEYS_AT_A_TIME = 4_096;

/**
 * Runs a command in a terminal of the sandbox. The service starts the user's interactive shell in it, which is told to become the
 * command; what the shell shows until then is not the command's and is left out. What nobody reads is kept in memory: the service
 * drops a reader that is slow, and a terminal cannot be held back.
 */
export async function runInTerminal(
  toolbox: Toolbox,
  place: Place,
  spool: Spool,
  request: TerminalRequest,
): Promise<TerminalCommand> {
  const { id, script, pty } = request;
  const folder = spool.folder;
  const mark = `glue-${crypto.randomUUID()}`;
  // The mark is put together by the file, so that the line which names the file does not hold it.
  const file = `printf '%s%s\\n' ${quote(mark.slice(0, 8))} ${quote(mark.slice(8))}\n${script}`;
  const prepare = `cd ${quote(folder)} || exit\nmkdir ${id}.lock 2>/dev/null || [ -d ${id}.lock ] || exit\nprintf %s ${quote(file)} >${id}.run || exit\necho ':glue:'\necho ok\necho ':end:'\n`;
  await toolbox.execute(prepare, { seconds: 30 });
  const path = `/process/pty/${id}`;
  await toolbox
    .call(
      {
        method: "POST",
        path: "/process/pty",
        json: { id, cwd: WORKSPACE, envs: { TERM: pty.term }, cols: pty.columns, rows: pty.rows },
      },
      (answer) => answer.text(),
    )
    .catch((error: unknown) => {
      throw new GlueError(
        "startFailed",
        `The sandbox gave no terminal: ${error instanceof Error ? error.message : error}`,
        { cause: error },
      );
    });
  const socket = openSocket(toolbox, `${path}/connect`);
  const command = new TerminalCommand(toolbox, spool, socket, request, mark);
  const typed = ` exec ${quote(place.sh)} ${quote(`${folder}/${id}.run`)}\r`;
  await command.begin(typed);
  return command;
}

/** A command that runs in a terminal. */
export class TerminalCommand implements RunningCommand {
  readonly id: string;
  readonly stdout: ByteStream;
  readonly stderr: ByteStream = emptyStream();
  readonly #toolbox: Toolbox;
  readonly #spool: Spool;
  readonly #socket: WebSocket;
  readonly #request: TerminalRequest;
  readonly #mark: string;
  readonly #started = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #result: Promise<CommandResult>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #before: Buffer = Buffer.alloc(0);
  #running = false;
  /** The connection ended, and not because the terminal did. */
  #cut = false;
  #reason: "cancelled" | undefined;
  #ending: Promise<void> | undefined;

  constructor(toolbox: Toolbox, spool: Spool, socket: WebSocket, request: TerminalRequest, mark: string) {
    this.id = request.id;
    this.#toolbox = toolbox;
    this.#spool = spool;
    this.#socket = socket;
    this.#request = request;
    this.#mark = mark;
    this.stdout = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.#controller = undefined;
      },
    });
    socket.on("message", (data: Buffer, binary: boolean) => {
      if (binary) this.#arrived(data);
    });
    socket.on("close", (code: number, reason: Buffer) => {
      this.#cut = code !== 1000 && !reason.includes("exitCode");
      this.#over();
    });
    socket.on("error", () => this.#over());
    this.#result = this.#settle();
    this.#result.catch(() => undefined);
  }

  /** Types the line that makes the shell become the command, and waits until it has. */
  async begin(line: string): Promise<void> {
    const late = setTimeout(
      () => this.#started.reject(new GlueError("startFailed", "The sandbox's terminal did not start the command.")),
      READY_MS,
    );
    try {
      await Promise.race([
        this.#closed.promise,
        new Promise<void>((resolve) => {
          if (this.#socket.readyState === this.#socket.OPEN) resolve();
          else this.#socket.once("open", resolve);
        }),
      ]);
      if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(new TextEncoder().encode(line));
      await Promise.race([this.#started.promise, this.#closed.promise]);
      if (!this.#running) {
        await this.#toolbox.alive("the terminal was closed");
        throw new GlueError("startFailed", "The sandbox closed the terminal before the command was started.");
      }
    } catch (error) {
      this.#socket.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
    void this.#feed().catch(() => this.kill().catch(() => undefined));
  }

  wait(): Promise<CommandResult> {
    return this.#result;
  }

  kill(): Promise<void> {
    this.#reason ??= "cancelled";
    this.#ending ??= this.#spool.kill(this.id, this.#request.graceMs);
    return this.#ending;
  }

  async resize({ columns, rows }: { columns: number; rows: number }): Promise<void> {
    await this.#toolbox.call(
      { method: "POST", path: `/process/pty/${this.id}/resize`, json: { cols: columns, rows } },
      (answer) => answer.text(),
    );
  }

  abandon(): void {
    this.#socket.close();
  }

  #arrived(bytes: Buffer): void {
    if (this.#running) return void this.#controller?.enqueue(new Uint8Array(bytes));
    this.#before = Buffer.concat([this.#before, bytes]);
    const at = this.#before.indexOf(this.#mark);
    const end = at < 0 ? -1 : this.#before.indexOf("\n", at);
    if (end < 0) return;
    this.#running = true;
    const rest = this.#before.subarray(end + 1);
    if (rest.length > 0) this.#controller?.enqueue(new Uint8Array(rest));
    this.#started.resolve();
  }

  #over(): void {
    this.#controller?.close();
    this.#controller = undefined;
    this.#closed.resolve();
  }

  async #feed(): Promise<void> {
    const { stdin } = this.#request.options;
    const send = async (bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length && this.#socket.readyState === this.#socket.OPEN; at += KEYS_AT_A_TIME) {
        this.#socket.send(new Uint8Array(bytes.subarray(at, at + KEYS_AT_A_TIME)));
        while (this.#socket.bufferedAmount > 1_000_000) await Bun.sleep(5);
      }
    };
    if (stdin instanceof Uint8Array) {
      await send(stdin);
    } else if (stdin !== undefined) {
      const reader = stdin.getReader();
      void this.#closed.promise.then(() => reader.cancel()).catch(() => undefined);
      for (let got = await reader.read(); !got.done; got = await reader.read()) await send(got.value);
    }
    await send(END_OF_INPUT);
  }

  async #settle(): Promise<CommandResult> {
    const { signal } = this.#request.options;
    const onAbort = () => void this.kill().catch(() => undefined);
    signal?.addEventListener("abort", onAbort);
    try {
      await Promise.race([this.#started.promise, this.#closed.promise]);
      const record = await terminalRecord(this.#toolbox, this.#spool.folder, this.id);
      await this.#ending;
      // A close that never comes must not hold the result; the last words of the terminal get their time.
      await Promise.race([this.#closed.promise, Bun.sleep(LAST_WORDS_MS)]);
      this.#socket.close();
      this.#over();
      if (record.how === "cwd") throw cwdInvalid(this.#request.cwd);
      const result =
        this.#reason === undefined || record.how === "timeout" ? resultOfRecord(record) : CANCELLED(record.code);
      return this.#cut ? { ...result, outputLost: true } : result;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#spool.finished(this.id);
    }
  }
}

const CANCELLED = (exitCode: number): CommandResult => ({ exitCode, outcome: "cancelled" });
