import { type GitOptions, type GitStream, gitStream } from "./git.ts";

interface WaitingGit extends GitStream {
  readonly input: WritableStreamDefaultWriter<Uint8Array>;
}

/** Gits that are started before it is known what they will be asked by their stdin: starting takes git a part of all its time. */
export class WaitingGits {
  readonly #waiting = new Map<string, WaitingGit>();
  readonly #stop = new AbortController();

  /** `args` must make git look at nothing before it has read its stdin. */
  start(args: readonly string[], options: GitOptions): void {
    const pipe = new TransformStream<Uint8Array, Uint8Array>();
    const running = gitStream(args, { ...options, stdin: pipe.readable, signal: this.#stop.signal });
    this.#waiting.set(keyOf(args, options), { ...running, input: pipe.writable.getWriter() });
  }

  /** Asks the one that was started with these arguments and settings, which then waits no more; undefined where there is none. */
  ask(args: readonly string[], options: GitOptions, stdin: Uint8Array | string): GitStream | undefined {
    const key = keyOf(args, options);
    const found = this.#waiting.get(key);
    if (found === undefined) return undefined;
    this.#waiting.delete(key);
    // A git that has ended already says why by that, and takes nothing any more.
    found.input
      .write(typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin)
      .then(() => found.input.close())
      .catch(() => undefined);
    return found;
  }

  /** Ends those that wait still. */
  drop(): void {
    if (this.#waiting.size > 0) this.#stop.abort();
    this.#waiting.clear();
  }
}

function keyOf(args: readonly string[], { gitDir, config }: GitOptions): string {
  return JSON.stringify([gitDir, config, args]);
}
