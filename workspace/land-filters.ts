/**
 * Watches over what filters (Git LFS, git-crypt) keep out of a repository: content that one of them converts must not get in as it is,
 * neither because a filter is missing, nor because a change takes a file out of it, nor under another name.
 */
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import type { Config, Conversion } from "./land-attributes.ts";
import { pathText } from "./layout.ts";
import type { ConvertedPath } from "./snapshot-types.ts";

export class FilterWatch {
  readonly #config: Config;
  /** Content that a filter converts, by the id of its raw blob: the path that said so. */
  readonly #filtered = new Map<string, string>();
  /** Content that gets in as it is. */
  readonly #plain = new Map<string, Uint8Array>();

  constructor(config: Config, converted: readonly ConvertedPath[]) {
    this.#config = config;
    for (const { why, raw, git, path } of converted) {
      if (why === "filter" && raw !== null && raw.id !== git?.id) this.#filtered.set(raw.id, path);
    }
  }

  /** Settings that make git fail where one of these filters fails; by itself it would go on with the raw content. `landRefused`. */
  require(conversions: ReadonlyMap<Uint8Array, Conversion>): string[] {
    const drivers = new Set<string>();
    for (const [path, { filter }] of conversions) {
      if (filter === undefined) continue;
      const setUp = ["clean", "process"].some((name) => (this.#config.get(`filter.${filter}.${name}`) ?? "") !== "");
      if (!setUp || filter.includes("=")) throw notSetUp(filter, path);
      drivers.add(filter);
    }
    return [...drivers].map((driver) => `filter.${driver}.required=true`);
  }

  /** A file that goes through a filter no more, although it did in the commit before. Always throws. */
  refuseTakenOut(path: Uint8Array, filter: string): never {
    throw refused(
      `The change takes ${pathText(path)} out of the filter "${filter}", so that its content would get in as it is.`,
    );
  }

  sawFiltered(path: Uint8Array, raw: string, git: string | undefined): void {
    if (raw !== git) this.#filtered.set(raw, pathText(path));
  }

  sawPlain(path: Uint8Array, raw: string): void {
    this.#plain.set(raw, path);
  }

  /** Throws `landRefused` where filtered content would also get in as it is. */
  check(): void {
    for (const [raw, path] of this.#plain) {
      const filtered = this.#filtered.get(raw);
      if (filtered === undefined) continue;
      throw refused(
        `${pathText(path)} has the content of ${filtered}, which a filter keeps out of this repository, but no filter of its own.`,
      );
    }
  }
}

function notSetUp(filter: string, path: Uint8Array): GlueError {
  return new GlueError(
    "landRefused",
    `The attributes put ${pathText(path)} through the filter "${filter}", which is not set up in this repository: its content would get in as it is.`,
    {
      hint: `${SET_UP[filter.replace(/^git-crypt-.*/, "git-crypt")] ?? `Set filter.${filter}.clean`}, then apply again.`,
    },
  );
}

const SET_UP: Readonly<Record<string, string>> = {
  lfs: "Install Git LFS and run git lfs install",
  "git-crypt": "Install git-crypt and run git-crypt unlock",
};

function refused(message: string): GlueError {
  return new GlueError("landRefused", message, {
    hint: "Nothing was landed. Take single files with glue session export, and commit them by hand.",
  });
}

/** What to say of a file that git did not take. */
export function notTaken(error: unknown): unknown {
  if (!isGlueError(error, "gitFailed")) return error;
  return new GlueError("landRefused", `This repository's own conversion failed on what changed: ${error.message}`, {
    hint: "Nothing was landed. Make git add work on such files here, then apply again.",
    cause: error,
  });
}
