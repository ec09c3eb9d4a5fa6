import { GlueError, type SandboxDeath } from "../contract.ts";
import type { Message } from "./frames.ts";
import { connectTo, type Link, startProcess } from "./link.ts";
import type { Python } from "./python.ts";
import { Rpc } from "./rpc.ts";
import { sidecarFailure } from "./sidecar-errors.ts";

const PROTOCOL = 1;
const START_MS = 60_000;
/** For one that runs already. */
const GREETING_MS = 5_000;
const SHUTDOWN_MS = 30_000;
/** What one stream of an exec may send ahead of its reader, in bytes. */
export const CREDIT = 1_048_576;
/** Input up to this travels in the JSON itself. PROTOCOL.md says what that costs. */
const SMALL_BYTES = 1_024;

/** Whether the end of the connection is the end of the sandbox, and what is to be done before it. */
export interface Life {
  readonly life: "run" | "session";
  /** Run in the sandbox when this process is gone without a word; its stdout goes to `file`, and then the sandbox ends. */
  readonly farewell?: { readonly argv: readonly string[]; readonly file: string; readonly seconds: number };
}

/** What an exec hears from the sidecar. */
export interface ExecEvents {
  output(fd: 1 | 2, bytes: Uint8Array): void;
  closed(fd: 1 | 2, lost: boolean): void;
  exited(code: number | undefined, error: GlueError | undefined): void;
}

/** A running sidecar, in words of its protocol (sidecar/PROTOCOL.md). */
export class Sidecar {
  /** Resolves, once, when the sandbox has ended or the sidecar can no longer be heard. */
  readonly died: Promise<SandboxDeath>;
  readonly #link: Link;
  readonly #rpc: Rpc;
  readonly #execs = new Map<number, ExecEvents>();
  /** Credit that glue has not told of yet, by exec and stream. */
  readonly #untold = new Map<string, number>();
  readonly #die: (death: SandboxDeath) => void;
  #execNumbers = 0;
  #ending: Promise<void> | undefined;
  #progress: (what: string) => void = () => undefined;
  #refused: { message: string; data?: Record<string, unknown> } | undefined;
  #isDead = false;
  #isGreeted = false;
  #serves = false;

  private constructor(link: Link) {
    this.#link = link;
    const death = Promise.withResolvers<SandboxDeath>();
    this.died = death.promise;
    this.#die = death.resolve;
    this.#rpc = new Rpc(link, {
      notified: (...heard) => this.#heard(...heard),
      reasonOf: (...heard) => this.#reasonOf(...heard),
      ended: (reason) => this.#lost(reason),
    });
  }

  /** Starts one and shakes hands. */
  static async start(python: Python, life: Life): Promise<Sidecar> {
    return await new Sidecar(startProcess(python)).#greeted(life, START_MS);
  }

  /** One that another process serves on a socket; undefined where there is none, or none that this version can talk to. */
  static async near(path: string): Promise<Sidecar | undefined> {
    const link = await connectTo(path);
    try {
      return link === undefined ? undefined : await new Sidecar(link).#greeted({ life: "session" }, GREETING_MS);
    } catch (error) {
      // Of another version, or about to end: one of our own does as well.
      if (error instanceof GlueError) return undefined;
      throw error;
    }
  }

  async #greeted(life: Life, ms: number): Promise<this> {
    const late = setTimeout(() => this.#link.kill(), ms);
    try {
      await this.request("start", "initialize", { protocol: PROTOCOL, ...life });
      this.#isGreeted = true;
      return this;
    } catch (error) {
      this.#link.end();
      await this.#link.over;
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  onProgress(progress: (what: string) => void): void {
    this.#progress = progress;
  }

  /** As `Rpc.request`. */
  request(...request: Parameters<Rpc["request"]>): ReturnType<Rpc["request"]> {
    return this.#rpc.request(...request);
  }

  /** Starts an exec; `events` hears of it until `release`. */
  async exec(params: object, events: ExecEvents): Promise<number> {
    const exec = ++this.#execNumbers;
    this.#execs.set(exec, events);
    try {
      await this.request("start a command", "exec", { exec, ...params });
    } catch (error) {
      this.#execs.delete(exec);
      throw error;
    }
    return exec;
  }

  /** Sends input and its end; false when nobody reads it any more. Resolves when the service has taken it. */
  async input(exec: number, bytes: Uint8Array, eof: boolean): Promise<boolean> {
    const small = bytes.length <= SMALL_BYTES;
    const params = small ? { exec, eof, data: Buffer.from(bytes).toString("base64") } : { exec, eof };
    const answer = await this.request("send input", "input", params, small ? {} : { payload: bytes });
    return answer.closed !== true;
  }

  /** Lets the stream send that much more; told when it is worth a message. */
  credit(exec: number, fd: 1 | 2, bytes: number): void {
    const key = `${exec} ${fd}`;
    const sum = (this.#untold.get(key) ?? 0) + bytes;
    if (sum < CREDIT / 4) {
      this.#untold.set(key, sum);
      return;
    }
    this.#untold.delete(key);
    this.#rpc.notify("credit", { exec, fd, bytes: sum });
  }

  release(exec: number): void {
    for (const fd of [1, 2]) this.#untold.delete(`${exec} ${fd}`);
    if (this.#execs.delete(exec)) this.#rpc.notify("release", { exec });
  }

  /** Lets other processes of this user in, by a socket at `path`. */
  async serve(path: string): Promise<void> {
    await this.request("serve others", "serve", { path });
    this.#serves = true;
  }

  /** Ends the connection, and the sidecar with it where it is this process's own; with `terminate` the sandbox first. */
  shutdown(terminate: boolean): Promise<void> {
    this.#ending ??= this.#end(terminate);
    return this.#ending;
  }

  async #end(terminate: boolean): Promise<void> {
    const late = setTimeout(() => this.#link.kill(), SHUTDOWN_MS);
    try {
      if (!this.#rpc.isOver) await this.request("end the sandbox", "shutdown", { terminate });
    } finally {
      // Others may still be at work through it: then it ends after the last of them.
      if (this.#serves) this.#link.leave();
      else {
        this.#link.end();
        await this.#link.over;
      }
      clearTimeout(late);
    }
  }

  #heard(method: string, params: Readonly<Record<string, unknown>>, bytes: Uint8Array): void {
    const events = this.#execs.get(Number(params.exec));
    const fd = params.fd === 2 ? 2 : 1;
    switch (method) {
      case "output":
        events?.output(fd, bytes);
        break;
      case "closed":
        events?.closed(fd, params.lost === true);
        break;
      case "exited": {
        const error = params.error as Message["error"];
        if (error === undefined) events?.exited(Number(params.code), undefined);
        else events?.exited(undefined, sidecarFailure("say how the command ended", error));
        break;
      }
      case "progress":
        this.#progress(String(params.what));
        break;
      case "dead":
        this.#sandboxEnded(String(params.message));
        break;
      case "failed":
        this.#refused = params as { message: string; data?: Record<string, unknown> };
    }
  }

  #sandboxEnded(why: string): void {
    this.#isDead = true;
    const failure = sidecarFailure("go on", { message: why, data: { kind: "dead" } });
    for (const events of this.#execs.values()) events.exited(undefined, failure);
    this.#die({ reason: `The Modal sandbox has ended: ${why}.`, final: true });
  }

  #lost(reason: GlueError): void {
    for (const events of this.#execs.values()) events.exited(undefined, reason);
    if (this.#ending === undefined && !this.#isDead) this.#die({ reason: reason.message, final: false });
  }

  #reasonOf(how: string, cause: unknown): GlueError {
    if (this.#refused !== undefined) return sidecarFailure("be used", this.#refused);
    if (!this.#isGreeted) {
      return new GlueError("runtimeNotListening", `The Modal sidecar could not be started (${how}).`, {
        hint: "Set modal.python_path to the Python that has modal; glue doctor --runtime modal says what is found.",
        cause,
      });
    }
    return new GlueError("runtimeUnreachable", `The Modal sidecar has ended (${how}).`, {
      hint: "The sandbox goes on until its timeout: any process can reach it again by its id.",
      cause,
    });
  }
}
