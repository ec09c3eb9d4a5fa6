import type WebSocket from "ws";
import { quote } from "../common/command-line.ts";
import { GlueError } from "../contract.ts";
import { type Place, spoolOf } from "./place.ts";
import { type Poll, parsePollWithBytes } from "./poll.ts";
import { openSocket } from "./socket.ts";
import type { Toolbox } from "./toolbox.ts";

/** How long the resident may take to come up, and over an answer beside the time that it is to wait. Milliseconds. */
const GREETING_MS = 15_000;
const SLACK_MS = 3_000;
/** Proxies close a socket on which nothing happens, mostly after a minute. */
const PULSE_MS = 25_000;
/** The service takes 64 KiB at a time. Longer starts go by a request. Bytes. */
const LONGEST = 24_000;

/** A command as it is: for the resident to run without a shell around it. */
export interface PlainCommand {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What the resident is told of a command. */
export interface ResidentStart {
  /** What `sh` runs, where it takes more than to run a plain command: a deadline. */
  readonly command: string | PlainCommand;
  /** `stored`: it is in the spool already, which only a start by a request can say. */
  readonly stdin: Uint8Array | "stored" | undefined;
  /** How long it waits for the end, or a moment less for news. */
  readonly ms: number;
  /** Commands whose files can go. */
  readonly old: readonly string[];
}

/** A start as resident.pl reads it: words, each behind its length in bytes and a colon. */
export function startText(id: string, { command, stdin, ms, old }: ResidentStart): Buffer {
  const words = [
    id,
    String(ms),
    old.join(" "),
    stdin === undefined ? "" : "1",
    stdin === "stored" ? "" : (stdin ?? ""),
  ];
  if (typeof command === "string") {
    words.push(command, "", "0");
  } else {
    const variables = Object.entries(command.env).flat();
    words.push("", command.cwd, String(variables.length / 2), ...variables, ...command.argv);
  }
  return Buffer.concat(
    words.flatMap((word) => {
      const bytes = Buffer.from(word);
      return [Buffer.from(`${bytes.length}:`), bytes];
    }),
  );
}

/**
 * A process of glue's in the sandbox (resident.pl), reached over one socket: a start over it costs no request and no shell around the
 * command. It keeps everything in the spool, so that whatever becomes of the socket, `Spool` goes on with requests.
 */
export class Resident {
  readonly #toolbox: Toolbox;
  readonly #terminal: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Poll | undefined) => void>();
  readonly #greeted = Promise.withResolvers<void>();
  readonly #greeting: string;
  readonly #pulse: ReturnType<typeof setInterval>;
  #arrived: Buffer = Buffer.alloc(0);
  #next = 1;
  #state: "coming" | "here" | "gone" = "coming";

  private constructor(toolbox: Toolbox, terminal: string, greeting: string) {
    this.#toolbox = toolbox;
    this.#terminal = terminal;
    this.#greeting = greeting;
    this.#socket = openSocket(toolbox, `/process/pty/${terminal}/connect`);
    this.#socket.on("message", (data: Buffer, binary: boolean) => {
      if (binary) this.#hear(data);
    });
    this.#socket.on("close", () => this.#lose("the socket was closed"));
    this.#socket.on("error", (error: Error) => this.#lose(error.message));
    this.#pulse = setInterval(() => {
      if (this.#state === "here") this.#socket.ping();
    }, PULSE_MS);
    this.#pulse.unref();
  }

  /** Brings one up. Rejects where the sandbox cannot have one; nothing is lost by that but speed. */
  static async open(toolbox: Toolbox, place: Place): Promise<Resident> {
    const { own, sh, perl } = place;
    if (perl === undefined) throw new GlueError("notSupported", "The sandbox has no perl.");
    const terminal = `glue-${crypto.randomUUID()}`;
    const greeting = `glue-${crypto.randomUUID()}`;
    const environment = `${own}/resident.env`;
    const script = [
      `{ umask; cat /proc/self/environ; } >${quote(`${environment}.${terminal}`)} || exit`,
      "echo ':glue:'",
      "echo ok",
      "echo ':end:'",
    ].join("\n");
    // By exec, as a request starts a command, which is to find the same.
    await toolbox.execute(`exec ${[sh, "-c", script].map(quote).join(" ")} </dev/null\n`, { seconds: 30 });
    const json = { id: terminal, cwd: "/", envs: { TERM: "dumb" }, cols: 80, rows: 24 };
    await toolbox.call({ method: "POST", path: "/process/pty", json }, (answer) => answer.text());
    const resident = new Resident(toolbox, terminal, greeting);
    const words = [perl, `${own}/resident.pl`, "wire", spoolOf(place), sh, `${environment}.${terminal}`];
    // The greeting is put together by the shell, so that the line which is echoed does not hold it.
    const line = ` stty raw -echo && exec ${words.map(quote).join(" ")} ${quote(greeting.slice(0, 9))}${quote(greeting.slice(9))} 2>/dev/null\r`;
    try {
      await resident.#greet(line);
      return resident;
    } catch (error) {
      await resident.close();
      throw error;
    }
  }

  get here(): boolean {
    return this.#state === "here" && this.#socket.readyState === this.#socket.OPEN;
  }

  /** Starts a command; undefined where it cannot say whether it did: then the spool is asked by a request. */
  async start(id: string, start: ResidentStart): Promise<Poll | undefined> {
    const text = startText(id, start);
    if (!this.here || text.length > LONGEST) return undefined;
    const number = this.#next++;
    const answer = new Promise<Poll | undefined>((resolve) => this.#waiting.set(number, resolve));
    const late = setTimeout(() => this.#lose("it does not answer"), start.ms + SLACK_MS);
    try {
      this.#socket.send(Buffer.concat([Buffer.from(`${number} ${text.length} ${sumOf(text)}\n`), text]));
      return await answer;
    } finally {
      clearTimeout(late);
    }
  }

  /** Closes the socket. */
  drop(): void {
    this.#lose("it was let go of");
  }

  /** Lets it go: it ends when the last command that it watches over has ended. */
  async close(): Promise<void> {
    this.drop();
    await this.#toolbox.call({ method: "DELETE", path: `/process/pty/${this.#terminal}` }, (answer) => answer.text());
  }

  async #greet(line: string): Promise<void> {
    const late = setTimeout(() => this.#lose("it did not come up"), GREETING_MS);
    const type = () => this.#socket.send(Buffer.from(line));
    if (this.#socket.readyState === this.#socket.OPEN) type();
    else this.#socket.once("open", type);
    try {
      await this.#greeted.promise;
    } finally {
      clearTimeout(late);
    }
  }

  #hear(data: Buffer): void {
    if (this.#state === "gone") return;
    this.#arrived = this.#arrived.length === 0 ? data : Buffer.concat([this.#arrived, data]);
    if (this.#state === "coming") {
      const at = this.#arrived.indexOf(`${this.#greeting}\n`);
      if (at < 0) return;
      this.#arrived = this.#arrived.subarray(at + this.#greeting.length + 1);
      this.#state = "here";
      this.#greeted.resolve();
    }
    try {
      while (this.#takeAnswer());
    } catch (error) {
      this.#lose(error instanceof Error ? error.message : String(error));
    }
  }

  /** Takes "NUMBER LENGTH SUM\n" and as many bytes, if they are here. Throws for what is none of that. */
  #takeAnswer(): boolean {
    const line = this.#arrived.indexOf("\n");
    if (line < 0) return false;
    const [number, length, sum] = this.#arrived.subarray(0, line).toString("latin1").split(" ").map(Number);
    const garbled = () => new Error("what it says is garbled");
    if (number === undefined || length === undefined || !Number.isInteger(length)) throw garbled();
    const end = line + 1 + length;
    if (this.#arrived.length < end) return false;
    const text = this.#arrived.subarray(line + 1, end);
    this.#arrived = this.#arrived.subarray(end);
    if (sumOf(text) !== sum) throw garbled();
    // Nothing but the number: it was started before, by whom it does not know.
    const poll = length === 0 ? undefined : parsePollWithBytes(text);
    this.#waiting.get(number)?.(poll);
    this.#waiting.delete(number);
    return true;
  }

  #lose(why: string): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    this.#greeted.reject(new GlueError("startFailed", `The sandbox gave no resident: ${why}.`));
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
    clearInterval(this.#pulse);
    this.#socket.close();
  }
}

/** As perl's `unpack "%32C*"`. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return sum % 2 ** 32;
}
