/** One end of sidecar/PROTOCOL.md for tests that look at the other: without the adapter. */
import { createFrameReader, frameLine, type Message } from "../../runtimes/modal/frames.ts";
import { sidecarFile } from "../../runtimes/modal/program.ts";
import { tempDir } from "../support/temp-dir.ts";
import { type ModalDouble, pythonOf, type Sdk } from "./double.ts";

export interface Heard extends Message {
  readonly payload: Uint8Array;
}

export class Talk {
  readonly heard: Heard[] = [];
  readonly child;
  #numbers = 0;

  constructor(double: ModalDouble, sdk: Sdk = "newest", env: Readonly<Record<string, string>> = {}) {
    this.child = Bun.spawn([pythonOf(sdk), sidecarFile(tempDir())], {
      cwd: "/",
      env: { PATH: process.env.PATH ?? "", PYTHONDONTWRITEBYTECODE: "1", ...double.env(sdk), ...env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
    });
    void this.#listen();
  }

  async #listen(): Promise<void> {
    const take = createFrameReader();
    for await (const bytes of this.child.stdout) {
      for (const [message, payload] of take(bytes)) this.heard.push({ ...message, payload });
    }
  }

  say(message: object, payload?: Uint8Array): void {
    this.child.stdin.write(frameLine(message, payload));
    if (payload !== undefined) this.child.stdin.write(payload);
    void this.child.stdin.flush();
  }

  /** Sends a request and gives back its number. */
  request(method: string, params: object, payload?: Uint8Array): number {
    const id = ++this.#numbers;
    this.say({ id, method, params }, payload);
    return id;
  }

  /** A request and its answer. */
  async ask(method: string, params: object, payload?: Uint8Array): Promise<Heard> {
    return await this.answer(this.request(method, params, payload));
  }

  answer(id: number): Promise<Heard> {
    return this.first((message) => message.id === id && message.method === undefined);
  }

  async first(wanted: (message: Heard) => boolean, ms = 60_000): Promise<Heard> {
    for (const end = performance.now() + ms; performance.now() < end; await Bun.sleep(10)) {
      const found = this.heard.find(wanted);
      if (found !== undefined) return found;
    }
    throw new Error(`not heard within ${ms} ms; so far: ${JSON.stringify(this.heard.slice(-5))}`);
  }

  /** Shakes hands and opens a sandbox; its id. */
  async open(life: object): Promise<string> {
    const hello = await this.ask("initialize", { protocol: 1, ...life });
    if (hello.error !== undefined) throw new Error(hello.error.message);
    const params = { app: "talk", image: null, tags: { glue: "1", "glue-session": "talk" }, timeout: 300 };
    const { result, error } = await this.ask("open", params);
    if (result === undefined) throw new Error(error?.message);
    return String(result.sandbox);
  }

  /** What an exec wrote to one of its streams so far. */
  output(exec: number, fd: 1 | 2 = 1): Buffer {
    const mine = this.heard.filter(
      ({ method, params }) => method === "output" && params?.exec === exec && params.fd === fd,
    );
    return Buffer.concat(mine.map(({ payload }) => payload));
  }
}
