import { GlueError } from "../../spec/glue-error.ts";

/** What the client was shown of files, so that it does not write over what it has not seen. */
export class SeenFiles {
  readonly #hashes = new Map<string, string>();
  readonly #turns = new Map<string, Promise<unknown>>();

  /** The client knows this content of the file now. */
  saw(path: string, bytes: Uint8Array): void {
    this.#hashes.set(path, hashOf(bytes));
  }

  knows(path: string): boolean {
    return this.#hashes.has(path);
  }

  forget(path: string): void {
    this.#hashes.delete(path);
  }

  /** Refuses a file that the client read or wrote, and that something else has changed since. */
  refuseChanged(path: string, bytes: Uint8Array): void {
    const known = this.#hashes.get(path);
    if (known === undefined || known === hashOf(bytes)) return;
    throw new GlueError("changedSinceRead", `${path} has changed since you read it. Nothing was written.`, {
      hint: "Read it again, then repeat the edit on what it holds now.",
    });
  }

  /** One after the other for each file: calls may come at the same time. */
  async inTurn<T>(path: string, act: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(path) ?? Promise.resolve();
    const mine = before.then(act, act);
    this.#turns.set(path, mine);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(path) === mine) this.#turns.delete(path);
    }
  }
}

function hashOf(bytes: Uint8Array): string {
  return Bun.hash.xxHash64(bytes).toString(36) + bytes.length;
}
