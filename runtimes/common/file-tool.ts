import { type ByteStream, type Entry, GlueError, isGlueError, type SandboxPath, type Workspace } from "../contract.ts";
import { showPath } from "./file-errors.ts";
import { parseListing, parseStat } from "./listing.ts";
import { absolutePath, encodePath, lastName } from "./sandbox-path.ts";

/** Looks at a folder that changes while it is listed. */
const LIST_TRIES = 5;

/** What files.sh does in one call each, however an adapter gets it to run. */
export abstract class FileTool implements Pick<Workspace, "list" | "stat" | "makeDirectory" | "remove" | "move"> {
  /** Runs files.sh with `words` and resolves to its stdout. Throws what `fileError` makes of a failure; `what` is "read", "write" … */
  protected abstract operate(what: string, at: Uint8Array, words: readonly string[]): Promise<Buffer>;

  async list(path: SandboxPath): Promise<Entry[]> {
    const at = absolutePath(path);
    for (let tries = 0; tries < LIST_TRIES; tries++) {
      const entries = parseListing(await this.operate("list", at, ["list", encodePath(at)]));
      if (entries !== undefined) return entries;
    }
    throw new GlueError("ioFailed", `Cannot list ${showPath(at)}: it changes all the time`);
  }

  async stat(path: SandboxPath): Promise<Entry | undefined> {
    const at = absolutePath(path);
    try {
      return parseStat(await this.operate("look at", at, ["stat", encodePath(at)]), lastName(at));
    } catch (error) {
      if (isGlueError(error, "fileNotFound")) return undefined;
      throw error;
    }
  }

  async makeDirectory(path: SandboxPath): Promise<void> {
    const at = absolutePath(path);
    await this.operate("make", at, ["mkdir", encodePath(at)]);
  }

  async remove(path: SandboxPath, options: { recursive?: boolean } = {}): Promise<void> {
    const at = absolutePath(path);
    await this.operate("remove", at, ["remove", encodePath(at), options.recursive === true ? "yes" : "no"]);
  }

  async move(from: SandboxPath, to: SandboxPath): Promise<void> {
    const at = absolutePath(from);
    await this.operate("move", at, moveWords(at, to));
  }
}

/** For files.sh, with a name beside the file that is nobody's. */
export function writeWords(at: Uint8Array, size: number, mode: number | undefined): string[] {
  return ["write", encodePath(at), String(size), crypto.randomUUID(), mode === undefined ? "" : mode.toString(8)];
}

export function moveWords(at: Uint8Array, to: SandboxPath): string[] {
  return ["move", encodePath(at), encodePath(absolutePath(to))];
}

/** Bytes as a stream of one piece. */
export function streamOf(bytes: Uint8Array): ByteStream {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** A file of files.sh that is being read: its pieces, the first of which begins with a byte that says that it is open. */
interface Opened {
  next(): Promise<Uint8Array | undefined>;
  /** Called at the end, when it failed, and when nobody reads on. */
  release(): void;
}

/** The bytes of a file, read only when asked for. Rejects where it cannot be opened. */
export async function contentOf({ next, release }: Opened): Promise<ByteStream> {
  const piece = async (): Promise<Uint8Array | undefined> => {
    try {
      const bytes = await next();
      if (bytes === undefined) release();
      return bytes;
    } catch (error) {
      release();
      throw error;
    }
  };
  let first = (await piece())?.subarray(1);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = first !== undefined && first.length > 0 ? first : await piece();
        first = undefined;
        if (bytes === undefined) controller.close();
        else controller.enqueue(bytes);
      },
      cancel: release,
    },
    { highWaterMark: 0 },
  );
}
