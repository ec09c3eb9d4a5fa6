import { createHash } from "node:crypto";

/** What the signature in a Mach-O file is worth. `stale`: it does not cover the bytes as they are now. */
export type MacSignature =
  | { readonly state: "none" }
  | { readonly state: "valid" | "stale"; readonly pages: number; readonly badPages: number };

const LC_CODE_SIGNATURE = 0x1d;
const CODE_DIRECTORY_SLOT = 0;
const HASH_SHA256 = 2;

/**
 * Checks the page hashes of a thin 64-bit Mach-O file's code directory against its bytes (Apple's cs_blobs.h: all numbers in the
 * blob are big-endian). Only whether the pages agree is said, nothing about who signed.
 */
export function macSignature(bytes: Uint8Array): MacSignature {
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let command = 32;
  for (let index = 0; index < file.getUint32(16, true); index++) {
    if (file.getUint32(command, true) === LC_CODE_SIGNATURE) {
      return checkBlob(bytes, file, file.getUint32(command + 8, true));
    }
    command += file.getUint32(command + 4, true);
  }
  return { state: "none" };
}

function checkBlob(bytes: Uint8Array, file: DataView, blob: number): MacSignature {
  for (let index = 0; index < file.getUint32(blob + 8); index++) {
    const slot = blob + 12 + index * 8;
    if (file.getUint32(slot) === CODE_DIRECTORY_SLOT)
      return checkPages(bytes, file, blob, blob + file.getUint32(slot + 4));
  }
  throw new Error("a signature without a code directory");
}

function checkPages(bytes: Uint8Array, file: DataView, signatureStart: number, directory: number): MacSignature {
  const hashes = directory + file.getUint32(directory + 16);
  const pages = file.getUint32(directory + 28);
  const codeLimit = file.getUint32(directory + 32);
  const hashSize = file.getUint8(directory + 36);
  const pageSize = 2 ** file.getUint8(directory + 39);
  if (file.getUint8(directory + 37) !== HASH_SHA256) throw new Error("a code directory without SHA-256 hashes");
  let badPages = 0;
  for (let page = 0; page < pages; page++) {
    const content = bytes.subarray(page * pageSize, Math.min((page + 1) * pageSize, codeLimit));
    const recorded = bytes.subarray(hashes + page * hashSize, hashes + (page + 1) * hashSize);
    const actual = createHash("sha256").update(content).digest();
    if (!actual.subarray(0, hashSize).equals(recorded)) badPages++;
  }
  // Everything before the signature has to be covered.
  const covered = codeLimit === signatureStart;
  return { state: badPages === 0 && covered ? "valid" : "stale", pages, badPages };
}
