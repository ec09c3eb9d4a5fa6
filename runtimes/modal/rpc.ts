import type { GlueError } from "../contract.ts";
import { createFrameReader, frameLine, type Message } from "./frames.ts";
import type { Link } from "./link.ts";
import { sidecarFailure } from "./sidecar-errors.ts";

/** What comes unasked. */
interface Hears {
  notified(method: string, params: Readonly<Record<string, unknown>>, bytes: Uint8Array): void;
  /**
   * The link is over: what that is for whoever still waits, or asks later. `how`: in a few words; `broken`: why what came could not be
   * understood, where that is the reason.
   */
  reasonOf(how: string, broken: unknown): GlueError;
  /** Called once, when all who waited have been told. */
  ended(reason: GlueError): void;
}

interface Waiting {
  readonly doing: string;
  resolve(result: Readonly<Record<string, unknown>>): void;
  reject(error: unknown): void;
}

/** Requests, answers and notifications over a link, in frames of sidecar/PROTOCOL.md. */
export class Rpc {
  readonly #link: Link;
  readonly #hears: Hears;
  readonly #waiting = new Map<number, Waiting>();
  #numbers = 0;
  #over: GlueError | undefined;

  constructor(link: Link, hears: Hears) {
    this.#link = link;
    this.#hears = hears;
    void this.#listen();
  }

  get isOver(): boolean {
    return this.#over !== undefined;
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
    const cancel = () => this.notify("$/cancel", { id });
    how.signal?.addEventListener("abort", cancel, { once: true });
    this.#send({ id, method, params }, how.payload);
    return answer.finally(() => how.signal?.removeEventListener("abort", cancel));
  }

  /** Says something that has no answer; nothing once the link is over. */
  notify(method: string, params: object): void {
    this.#send({ method, params });
  }

  #send(message: object, payload?: Uint8Array): void {
    if (this.#over !== undefined) return;
    try {
      this.#link.write(frameLine(message, payload), payload);
    } catch {
      // It is ending; what waits for it is told by #listen.
    }
  }

  async #listen(): Promise<void> {
    const take = createFrameReader();
    let broken: unknown;
    try {
      for await (const arrived of this.#link.output) {
        for (const [message, bytes] of take(arrived)) this.#heard(message, bytes);
      }
    } catch (error) {
      // Not a word of the protocol, or a broken pipe: either way nothing more can be understood.
      this.#link.kill();
      broken = error;
    }
    const reason = this.#hears.reasonOf(await this.#link.over, broken);
    this.#over = reason;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
    this.#hears.ended(reason);
  }

  #heard({ id = 0, method, params = {}, result = {}, error }: Message, bytes: Uint8Array): void {
    if (method !== undefined) {
      this.#hears.notified(method, params, bytes);
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(sidecarFailure(waiting.doing, error));
  }
}
