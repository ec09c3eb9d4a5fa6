import { constants } from "node:fs";
import { copyFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileError, showPath } from "../common/file-errors.ts";
import { contentOf, writeWords } from "../common/file-tool.ts";
import files from "../common/files.sh" with { type: "text" };
import { absolutePath, encodePath } from "../common/sandbox-path.ts";
import { StreamedFiles } from "../common/streamed-files.ts";
import { type ByteStream, GlueError, type SandboxPath } from "../contract.ts";
import type { DockerApi } from "./api.ts";
import { type RunningScript, runScript, type ScriptPlace, startScript } from "./exec.ts";
import { LANE_TARGET } from "./lane/folder.ts";

/** In a shell of its own: it minds its end itself, and so does what is put in front of every script. */
const script = `(\n${files}\n)`;
/** For what may walk a large tree. */
const LONG_MS = 3_600_000;

/**
 * Files in the container, by its own tools and as the user that commands run as: so that permissions, links and mounts mean what they
 * mean to a command. (The engine's archive API sees no mounts made inside, works as root, and loses names that are no UTF-8.)
 */
export class DockerWorkspace extends StreamedFiles {
  readonly #api: DockerApi;
  readonly #place: ScriptPlace;

  constructor(api: DockerApi, place: ScriptPlace) {
    super();
    this.#api = api;
    this.#place = place;
  }

  async upload(path: SandboxPath, bytes: ByteStream, options: { size: number; mode?: number }): Promise<void> {
    const at = absolutePath(path);
    const { size, mode } = options;
    const words = writeWords(at, size, mode);
    const running = await startScript(this.#api, this.#place, { script, words, stdin: "open" });
    // Read from the beginning: a script that has given up says so before all is sent.
    const ended = endOf(running);
    let over = false;
    ended.then(() => {
      over = true;
    });
    let arrived = 0;
    let unsent: unknown;
    try {
      for await (const piece of bytes) {
        // One byte too many is enough for the other side to see that it is wrong. One that has given up takes nothing any more.
        await Promise.race([running.write(piece.subarray(0, size - arrived + 1)), ended]);
        arrived += piece.length;
        if (over || arrived > size) break;
      }
    } catch (error) {
      unsent = error;
    }
    // A source that fails after its last byte has failed all the same.
    if (unsent !== undefined && arrived === size) await running.write(new Uint8Array(1)).catch(ignoreLost);
    running.endInput();
    try {
      const failure = await ended;
      if (failure !== undefined) throw failure;
      if (running.code === 0) return;
      const notWhole = /not whole/.test(running.stderr);
      if (notWhole && unsent !== undefined) throw unsent;
      if (notWhole && arrived !== size) {
        const seen = arrived > size ? "more" : `only ${arrived}`;
        throw new GlueError("transferFailed", `${showPath(at)} was to have ${size} bytes; ${seen} came.`);
      }
      throw fileError("write", at, running.stderr);
    } finally {
      running.destroy();
    }
  }

  /** Through the folder of the lane, which a container for root has. As copies: what is in there a container can write to. */
  async share(files: Readonly<Record<string, string | Uint8Array>>): Promise<string | undefined> {
    const { lane } = this.#place;
    if (lane === undefined) return undefined;
    const name = crypto.randomUUID();
    const laid = Object.entries(files).map(([end, content]) => {
      const to = join(lane, name + end);
      return typeof content === "string"
        ? copyFile(content, to, constants.COPYFILE_FICLONE)
        : writeFile(to, content, { mode: 0o444 });
    });
    try {
      await Promise.all(laid);
      return `${LANE_TARGET}/${name}`;
    } catch {
      // No space, or no lane any more: they can be sent all the same.
      await Promise.allSettled(laid);
      for (const end of Object.keys(files)) await rm(join(lane, name + end), { force: true });
      return undefined;
    }
  }

  protected async operate(what: string, at: Uint8Array, words: readonly string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await runScript(this.#api, this.#place, { script, words }, LONG_MS);
    if (code !== 0) throw fileError(what, at, stderr);
    return stdout;
  }

  protected async content(at: Uint8Array, [operation = "read", ...rest]: readonly string[]): Promise<ByteStream> {
    const running = await startScript(this.#api, this.#place, {
      script,
      words: [operation, encodePath(at), ...rest],
    });
    return await contentOf({
      async next() {
        const piece = await running.next();
        if (piece === undefined && running.code !== 0) throw fileError("read", at, running.stderr);
        return piece;
      },
      release: () => running.destroy(),
    });
  }
}

/** For a connection that is lost already: what is read from it says so as well. */
function ignoreLost(): void {
  return;
}

/** Reads a script to its end; resolves to why it broke off, where it did. */
async function endOf(running: RunningScript): Promise<unknown> {
  try {
    while ((await running.next()) !== undefined);
    return undefined;
  } catch (error) {
    return error;
  }
}
