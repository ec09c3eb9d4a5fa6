/** The pack of a capture on its way into the store. */

import { isGlueError } from "../spec/glue-error.ts";
import { addPack } from "./capture-store.ts";
import { type GitOptions, git } from "./git.ts";

/**
 * In packs up to this size git proves links as it reads them, by one thread and without compressing again what it completes them with:
 * that is faster. In bytes; the objects can be much larger.
 */
const SMALL_BYTES = 256_000;
const FAST = ["pack.threads=1", "core.compression=0"] as const;

interface WaitingGit {
  readonly input: WritableStreamDefaultWriter<Uint8Array>;
  readonly done: Promise<unknown>;
  readonly stop: AbortController;
}

/** A pack that may come. git is started as soon as that is likely, and waits for it: starting takes it a part of all its time. */
export class ExpectedPack {
  readonly #options: GitOptions;
  readonly #known: ReadonlySet<string>;
  #waiting: WaitingGit | undefined;

  /** `options` as for the store, `known` the commits that it has. */
  constructor(options: GitOptions, known: ReadonlySet<string>) {
    this.#options = options;
    this.#known = known;
  }

  /** The sandbox says that this commit is the last one. */
  expect(head: string): void {
    if (!this.#known.has(head)) this.#waiting ??= this.#start();
  }

  /**
   * As `addPack`, and answers whether git has proven that everything an object of the pack points to is here. Where it has not, that
   * is no more than an open question: git refuses here also what it only frowns at elsewhere.
   */
  async add(pack: Uint8Array | Blob): Promise<boolean> {
    if (pack instanceof Uint8Array && pack.length <= SMALL_BYTES) {
      const { input, done } = this.#waiting ?? this.#start();
      this.#waiting = undefined;
      try {
        // A git that has ended already says why by that, and takes nothing any more.
        input
          .write(pack)
          .then(() => input.close())
          .catch(() => undefined);
        await done;
        return true;
      } catch (error) {
        if (!isGlueError(error, "gitFailed")) throw error;
      }
    }
    await addPack(this.#options, pack);
    return false;
  }

  /** Whatever was not added does not come any more. */
  drop(): void {
    this.#waiting?.stop.abort();
    this.#waiting = undefined;
  }

  #start(): WaitingGit {
    const stop = new AbortController();
    const pipe = new TransformStream<Uint8Array, Uint8Array>();
    const done = git(["index-pack", "--stdin", "--fix-thin", "--strict"], {
      ...this.#options,
      config: [...(this.#options.config ?? []), ...FAST],
      stdin: pipe.readable,
      signal: stop.signal,
    });
    // Awaited when the pack is there; until then a failure is nobody's.
    done.catch(() => undefined);
    return { input: pipe.writable.getWriter(), done, stop };
  }
}
