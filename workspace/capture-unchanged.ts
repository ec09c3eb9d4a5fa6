/** Files of an archive that are as the base has them: git need not see their content, which it would only compress for nothing. */
import { concat } from "./bytes.ts";
import type { TarEntry } from "./capture-tar.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

/** A path of the base. */
export interface BaseEntry {
  readonly mode: string;
  readonly id: string;
  /** In bytes; undefined for a submodule. */
  readonly size: number | undefined;
}

/** Files up to this size are held in memory until it is known whether they are unchanged. Bytes. */
const HELD_BYTES = 1_000_000;

/** The id of a file that git need not see, or its content as far as it was read; neither where nothing was read. */
export type Looked =
  | { readonly id: string; readonly content?: undefined }
  | { readonly id?: undefined; readonly content?: Uint8Array };

/** Tells the unchanged files of several passes over the same tree. */
export class Unchanged {
  readonly #base: ReadonlyMap<string, BaseEntry>;
  readonly #objectFormat: ObjectFormat;
  /** Large files of the base's size that were not as in the base: git must see those in the next pass. */
  readonly #differing = new Set<string>();

  /** Paths as characters that stand for bytes. */
  constructor(base: ReadonlyMap<string, BaseEntry>, objectFormat: ObjectFormat) {
    this.#base = base;
    this.#objectFormat = objectFormat;
  }

  /**
   * Looks at a file. Of a large one as long as the base's only the id is found out, be it that one or another, so that git may lack its
   * content until the next pass: not so in the `last` one.
   */
  async look(path: string, entry: TarEntry, last: boolean): Promise<Looked> {
    const known = this.#base.get(path);
    if (known?.size !== entry.size) return {};
    if (entry.size > HELD_BYTES) {
      if (last || this.#differing.has(path)) return {};
      const id = await this.#idOf(entry.size, entry.content());
      if (id !== known.id) this.#differing.add(path);
      return { id };
    }
    const content = concat(await Array.fromAsync(entry.content()));
    const id = await this.#idOf(entry.size, [content]);
    return id === known.id ? { id } : { content };
  }

  async #idOf(size: number, content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
    const hasher = new Bun.CryptoHasher(this.#objectFormat).update(`blob ${size}\0`);
    for await (const bytes of content) hasher.update(bytes);
    return hasher.digest("hex");
  }
}
