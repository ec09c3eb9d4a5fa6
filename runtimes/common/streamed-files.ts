import type { ByteStream, SandboxPath, Workspace } from "../contract.ts";
import { FileTool, streamOf } from "./file-tool.ts";
import { absolutePath } from "./sandbox-path.ts";

/** Files by tools inside, where one call streams any number of bytes in either direction. */
export abstract class StreamedFiles extends FileTool implements Workspace {
  /** Streams of any length pass in one call; the size only bounds what is sent again after a failure. */
  readonly pieceBytes = 256 * 1024 * 1024;

  async read(path: SandboxPath, range?: { offset: number; length: number }): Promise<Uint8Array> {
    const words = range === undefined ? ["read"] : ["range", String(range.offset), String(range.length)];
    if (range?.length === 0) return new Uint8Array();
    const parts: Uint8Array[] = [];
    for await (const part of await this.content(absolutePath(path), words)) parts.push(part);
    return new Uint8Array(Buffer.concat(parts));
  }

  download(path: SandboxPath): Promise<ByteStream> {
    return this.content(absolutePath(path), ["read"]);
  }

  async write(path: SandboxPath, bytes: Uint8Array, options: { mode?: number } = {}): Promise<void> {
    await this.upload(path, streamOf(bytes), { ...options, size: bytes.length });
  }

  abstract upload(path: SandboxPath, bytes: ByteStream, options: { size: number; mode?: number }): Promise<void>;

  /** The bytes that a reading operation of files.sh prints after its first, which says that the file is open. */
  protected abstract content(at: Uint8Array, words: readonly string[]): Promise<ByteStream>;
}
