/** The pack of a capture on its way into the store. */

import { isGlueError } from "../spec/glue-error.ts";
import { addPack } from "./capture-store.ts";
import { type GitOptions, git } from "./git.ts";
import { WaitingGits } from "./waiting-git.ts";

/**
 * In packs up to this size git proves links as it reads them, by one thread and without compressing again what it completes them with:
 * that is faster. In bytes; the objects can be much larger.
 */
const SMALL_BYTES = 256_000;
const FAST = ["pack.threads=1", "core.compression=0"] as const;
const INDEX = ["index-pack", "--stdin", "--fix-thin", "--strict"] as const;

/** A pack that may come. */
export class ExpectedPack {
  /** For whatever works on the pack's objects: with these, git starts while they are still being added. */
  readonly options: GitOptions;
  readonly #waiting = new WaitingGits();
  readonly #known: ReadonlySet<string>;
  readonly #followers: readonly (readonly string[])[];
  readonly #indexing: GitOptions;
  #expected = false;
  #later: ReturnType<typeof setTimeout> | undefined;
  #adding: Promise<boolean> | undefined;

  /** `options` as for the store, `known` the commits that it has, `followers` the arguments of gits that the pack's objects are read by. */
  constructor(options: GitOptions, known: ReadonlySet<string>, followers: readonly (readonly string[])[] = []) {
    this.options = { ...options, waiting: this.#waiting };
    this.#indexing = { ...this.options, config: [...(options.config ?? []), ...FAST] };
    this.#known = known;
    this.#followers = followers;
  }

  /** The sandbox says that this commit is or may be the last one. */
  expect(head: string): void {
    if (this.#expected || this.#known.has(head)) return;
    this.#expected = true;
    this.#waiting.start(INDEX, this.#indexing);
  }

  /** It is here, though not everything that is said of it. */
  begin(pack: Uint8Array): void {
    if (!this.#expected) return;
    this.#adding = this.#add(pack);
    // Awaited by `add`; until then a failure is nobody's.
    this.#adding.catch(() => undefined);
    // Not before: until then the sandbox, which may be this machine, has work for every processor. And the pack is on its way first.
    this.#later = setTimeout(() => {
      for (const args of this.#followers) this.#waiting.start(args, this.options);
    });
  }

  /**
   * As `addPack`, and answers whether git has proven that everything an object of the pack points to is here. Where it has not, that
   * is no more than an open question: git refuses here also what it only frowns at elsewhere.
   */
  async add(pack: Uint8Array | Blob): Promise<boolean> {
    return await (this.#adding ?? this.#add(pack));
  }

  /** Whatever was not added does not come any more. */
  async drop(): Promise<void> {
    clearTimeout(this.#later);
    this.#waiting.drop();
    await this.#adding?.catch(() => undefined);
  }

  async #add(pack: Uint8Array | Blob): Promise<boolean> {
    if (pack instanceof Uint8Array && pack.length <= SMALL_BYTES) {
      try {
        await git(INDEX, { ...this.#indexing, stdin: pack });
        return true;
      } catch (error) {
        if (!isGlueError(error, "gitFailed")) throw error;
      }
    }
    await addPack(this.options, pack);
    return false;
  }
}
