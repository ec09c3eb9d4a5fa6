/** Writes bundle files: a head and one pack, which may be joined from several. */
import { type FileHandle, open } from "node:fs/promises";
import type { ObjectFormat } from "./snapshot-types.ts";

const BUFFER = 1 << 20;
/** "PACK", the version and the number of objects, four bytes each. */
const PACK_HEADER = 12;

/**
 * Writes head and packs to `path` and returns the size in bytes. Packs are joined object by object: their deltas point to bases by
 * distance, which does not change, so only the count in front and the checksum behind are made anew.
 */
export async function writeBundle(
  path: string,
  head: Uint8Array,
  packs: readonly string[],
  objectFormat: ObjectFormat,
): Promise<number> {
  const target = await open(path, "wx", 0o600);
  try {
    let size = await append(target, head);
    const [only, ...more] = packs;
    if (only !== undefined && more.length === 0) {
      size += await copyRange(only, 0, 0, (bytes) => append(target, bytes));
      return size;
    }
    const hasher = new Bun.CryptoHasher(objectFormat === "sha256" ? "sha256" : "sha1");
    const write = (bytes: Uint8Array) => {
      hasher.update(bytes);
      return append(target, bytes);
    };
    size += await write(await joinedHeader(packs));
    for (const pack of packs) size += await copyRange(pack, PACK_HEADER, hasher.byteLength, write);
    return size + (await append(target, hasher.digest()));
  } finally {
    await target.close();
  }
}

async function append(target: FileHandle, bytes: Uint8Array): Promise<number> {
  for (let done = 0; done < bytes.length; ) {
    done += (await target.write(bytes, done, bytes.length - done)).bytesWritten;
  }
  return bytes.length;
}

/** Hands on the bytes of a file but for the first `skip` and the last `leave`; returns how many those were. */
async function copyRange(
  path: string,
  skip: number,
  leave: number,
  write: (bytes: Uint8Array) => Promise<number>,
): Promise<number> {
  const source = await open(path, "r");
  try {
    const end = (await source.stat()).size - leave;
    const buffer = new Uint8Array(BUFFER);
    for (let at = skip; at < end; ) {
      const { bytesRead } = await source.read(buffer, 0, Math.min(BUFFER, end - at), at);
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
      await write(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    return end - skip;
  } finally {
    await source.close();
  }
}

async function joinedHeader(packs: readonly string[]): Promise<Uint8Array> {
  const header = Buffer.alloc(PACK_HEADER);
  let count = 0;
  for (const pack of packs) {
    const source = await open(pack, "r");
    try {
      await source.read(header, 0, PACK_HEADER, 0);
    } finally {
      await source.close();
    }
    count += header.readUInt32BE(8);
  }
  header.writeUInt32BE(count, 8);
  return header;
}
