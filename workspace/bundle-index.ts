/**
 * The index of a bundle's pack, as gitformat-pack(5) lays out version 2. It is sent along, because making it again costs the
 * sandbox more than everything else of the unpacking: every object would have to be inflated and hashed. Nothing rests on it that
 * is not proven when the files are written: each object is inflated then, and its checksum compared.
 */
import { readFileSync } from "node:fs";
import type { ObjectFormat } from "./snapshot-types.ts";

const MAGIC = 0xff744f63;
const HEADER = 8;
const FANOUT = 256 * 4;
/** Offsets from here on are kept in a table of their own; such packs are indexed where they arrive. */
const LARGE = 0x8000_0000;

interface Part {
  readonly bytes: Buffer;
  readonly count: number;
  /** What to add to its offsets in the joined pack. */
  readonly shift: number;
}

/** A pack with its index, by path and size. */
export interface IndexedPack {
  readonly path: string;
  readonly size: number;
}

/**
 * The index of the pack that these packs are joined to (see `writeBundle`); undefined where it would need large offsets.
 * `checksum` is the last bytes of that pack.
 */
export function joinIndexes(
  packs: readonly IndexedPack[],
  checksum: Uint8Array,
  objectFormat: ObjectFormat,
): Uint8Array | undefined {
  const hash = checksum.length;
  let shift = 0;
  const parts: Part[] = [];
  for (const { path, size } of packs) {
    const bytes = readFileSync(path.replace(/\.pack$/, ".idx"));
    if (bytes.readUInt32BE(0) !== MAGIC || bytes.readUInt32BE(4) !== 2) return undefined;
    parts.push({ bytes, count: bytes.readUInt32BE(HEADER + FANOUT - 4), shift });
    // Header and checksum of the single packs are not in the joined one.
    shift += size - 12 - hash;
  }
  if (shift >= LARGE) return undefined;
  const [only, ...more] = parts;
  if (only !== undefined && more.length === 0) return only.bytes;
  return seal(merge(parts, hash), checksum, objectFormat);
}

/** Merges the sorted lists of the parts: ids, checksums, offsets. */
function merge(parts: readonly Part[], hash: number): Buffer {
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  const merged = Buffer.alloc(HEADER + FANOUT + total * (hash + 8));
  merged.writeUInt32BE(MAGIC, 0);
  merged.writeUInt32BE(2, 4);
  const cursors = parts.map(() => 0);
  const idAt = (_part: Part, entry: number): number => HEADER + FANOUT + entry * hash;
  for (let entry = 0; entry < total; entry++) {
    let least = -1;
    for (const [at, part] of parts.entries()) {
      const cursor = cursors[at] ?? 0;
      if (cursor >= part.count) continue;
      const best = parts[least];
      const start = idAt(part, cursor);
      const bestStart = best === undefined ? 0 : idAt(best, cursors[least] ?? 0);
      if (best === undefined || part.bytes.compare(best.bytes, bestStart, bestStart + hash, start, start + hash) < 0) {
        least = at;
      }
    }
    const part = parts[least];
    const cursor = cursors[least] ?? 0;
    if (part === undefined) break;
    cursors[least] = cursor + 1;
    const start = idAt(part, cursor);
    part.bytes.copy(merged, HEADER + FANOUT + entry * hash, start, start + hash);
    const crc = part.bytes.readUInt32BE(HEADER + FANOUT + part.count * hash + cursor * 4);
    merged.writeUInt32BE(crc, HEADER + FANOUT + total * hash + entry * 4);
    const offset = part.bytes.readUInt32BE(HEADER + FANOUT + part.count * (hash + 4) + cursor * 4);
    merged.writeUInt32BE(offset + part.shift, HEADER + FANOUT + total * (hash + 4) + entry * 4);
    const first = part.bytes[start] ?? 0;
    merged.writeUInt32BE(entry + 1, HEADER + first * 4);
  }
  fillFanout(merged);
  return merged;
}

/** Each entry counts the objects whose id starts with this byte or a smaller one. */
function fillFanout(index: Buffer): void {
  let seen = 0;
  for (let at = HEADER; at < HEADER + FANOUT; at += 4) {
    seen = Math.max(seen, index.readUInt32BE(at));
    index.writeUInt32BE(seen, at);
  }
}

function seal(index: Buffer, checksum: Uint8Array, objectFormat: ObjectFormat): Uint8Array {
  const body = Buffer.concat([index, checksum]);
  const own = new Bun.CryptoHasher(objectFormat === "sha256" ? "sha256" : "sha1").update(body).digest();
  return Buffer.concat([body, own]);
}
