import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GlueError, type SandboxDeath } from "../contract.ts";
import { createFrameReader, frame, type Message } from "./frames.ts";
import { sidecarFile } from "./program.ts";
import type { Python } from "./python.ts";
import { sidecarFailure } from "./sidecar-errors.ts";

const PROTOCOL = 1;
const START_MS = 60_000;
const SHUTDOWN_MS = 30_000;
/** Of what the sidecar wrote to its log, for people. */
const TAIL_BYTES = 2_000;

/** What an exec hears from the sidecar. */
export interface ExecEvents {
  output(fd: 1 | 2, bytes: Uint8Array): void;
  closed(fd: 1 | 2, lost: boolean): void;
  exited(code: number | undefined, error: GlueError | undefined): void;
}

interface Waiting {
  readonly doing: string;
  resolve(result: Readonly<Record<string, unknown>>): void;
  reject(error: unknown): void;
}

/** A running sidecar, in words of its protocol (sidecar/PROTOCOL.md). */
export class Sidecar {
  /** Resolves, once, when the sandbox has ended or the sidecar can no longer be heard. */
  readonly died: Promise<SandboxDeath>;
  readonly #process: Bun.Subprocess<"pipe", "pipe", number>;
  readonly #log: string;
  readonly #logFolder: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #execs = new Map<number, ExecEvents>();
  readonly #die: (death: SandboxDeath) => void;
  #numbers = 0;
  #execNumbers = 0;
  #over: GlueError | undefined;
  #closing = false;
  #progress: (what: string) => void = () => undefined;
  #refused: { message: string; data?: Record<string, unknown> } | undefined;
  #isDead = false;

  private constructor(process: Bun.Subprocess<"pipe", "pipe", number>, logFolder: string, log: string) {
    this.#process = process;
    this.#logFolder = logFolder;
    this.#log = log;
    const death = Promise.withResolvers<SandboxDeath>();
    this.died = death.promise;
    this.#die = death.resolve;
    void this.#listen();
  }

  /** Starts one and shakes hands. `life`: whether its end is the end of the sandbox. */
  static async start(
    python: Python,
    life: "run" | "session",
    env: Readonly<Record<string, string>> = {},
  ): Promise<Sidecar> {
    const folder = mkdtempSync(join(tmpdir(), "glue-modal-"));
    const log = join(folder, "log");
    const stderr = openSync(log, "a", 0o600);
    let sidecar: Sidecar;
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
          ...env,
        },
        stdin: "pipe",
        stdout: "pipe",
        stderr,
        // A session of its own: a Ctrl-C in the terminal is for glue.
        detached: true,
      });
      sidecar = new Sidecar(child, folder, log);
    } catch (cause) {
      rmSync(folder, { recursive: true, force: true });
      throw new GlueError("runtimeNotListening", `${python.argv.join(" ")} cannot be started.`, {
        hint: "Set modal.python_path to the Python that has modal.",
        cause,
      });
    } finally {
      closeSync(stderr);
    }
    const late = setTimeout(() => sidecar.#process.kill("SIGKILL"), START_MS);
    try {
      await sidecar.request("start", "initialize", { protocol: PROTOCOL, life });
      return sidecar;
    } catch (error) {
      await sidecar.#ended();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  onProgress(progress: (what: string) => void): void {
    this.#progress = progress;
  }

  /** One request. `doing` says in a few words what for, as in "create the sandbox". */
  request(
    doing: string,
    method: string,
    params: object,
    how: { payload?: Uint8Array; signal?: AbortSignal | undefined } = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    const id = ++this.#numbers;
    const answer = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      this.#waiting.set(id, { doing, resolve, reject });
    });
    const cancel = () => this.#send({ method: "$/cancel", params: { id } });
    how.signal?.addEventListener("abort", cancel, { once: true });
    this.#send({ id, method, params }, how.payload);
    return answer.finally(() => how.signal?.removeEventListener("abort", cancel));
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

  credit(exec: number, fd: 1 | 2, bytes: number): void {
    this.#send({ method: "credit", params: { exec, fd, bytes } });
  }

  release(exec: number): void {
    if (this.#execs.delete(exec)) this.#send({ method: "release", params: { exec } });
  }

  /** Ends the sidecar, and with `terminate` the sandbox first. */
  async shutdown(terminate: boolean): Promise<void> {
    if (this.#closing) return await this.#ended();
    this.#closing = true;
    const late = setTimeout(() => this.#process.kill("SIGKILL"), SHUTDOWN_MS);
    try {
      if (this.#over === undefined) await this.request("end the sandbox", "shutdown", { terminate });
    } finally {
      // Its stdin's end would do for an end as well.
      this.#process.stdin.end();
      await this.#ended();
      clearTimeout(late);
    }
  }

  #send(message: object, payload?: Uint8Array): void {
    if (this.#over !== undefined) return;
    try {
      this.#process.stdin.write(frame(message, payload));
      void Promise.resolve(this.#process.stdin.flush()).catch(ignoreClosed);
    } catch {
      // It is ending; what waits for it is told by #listen.
    }
  }

  async #listen(): Promise<void> {
    const take = createFrameReader();
    try {
      for await (const arrived of this.#process.stdout) {
        for (const [message, bytes] of take(arrived)) this.#heard(message, bytes);
      }
    } catch (error) {
      // Not a word of the protocol, or a broken pipe: either way nothing more can be understood.
      this.#process.kill("SIGKILL");
      this.#refused ??= { message: error instanceof Error ? error.message : String(error) };
    }
    await this.#process.exited;
    this.#lost();
  }

  #heard(message: Message, bytes: Uint8Array): void {
    const params = message.params ?? {};
    if (message.method === undefined) {
      const waiting = this.#waiting.get(message.id ?? 0);
      this.#waiting.delete(message.id ?? 0);
      if (message.error !== undefined) waiting?.reject(sidecarFailure(waiting.doing, message.error));
      else waiting?.resolve(message.result ?? {});
      return;
    }
    const events = this.#execs.get(Number(params.exec));
    const fd = params.fd === 2 ? 2 : 1;
    switch (message.method) {
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

  /** The sidecar has ended: everything that waits for it is told. */
  #lost(): void {
    const tail = this.#tail();
    const how = this.#process.signalCode ?? `exit code ${this.#process.exitCode}`;
    this.#over =
      this.#refused?.data !== undefined
        ? sidecarFailure("be used", this.#refused)
        : new GlueError(
            "runtimeUnreachable",
            `The Modal sidecar has ended (${how})${tail === "" ? "." : `: ${tail}`}`,
            {
              hint: "The sandbox goes on until its timeout: any process can reach it again by its id.",
            },
          );
    for (const { reject } of this.#waiting.values()) reject(this.#over);
    this.#waiting.clear();
    for (const events of this.#execs.values()) events.exited(undefined, this.#over);
    if (!this.#closing && !this.#isDead) this.#die({ reason: this.#over.message, final: false });
    rmSync(this.#logFolder, { recursive: true, force: true });
  }

  #tail(): string {
    try {
      return readFileSync(this.#log, "utf8").slice(-TAIL_BYTES).trim();
    } catch {
      // Its folder was swept away: there is nothing to show.
      return "";
    }
  }

  async #ended(): Promise<void> {
    await this.#process.exited;
  }
}

/** A pipe that nobody reads any more: the process's end says so as well. */
function ignoreClosed(): void {
  return;
}
