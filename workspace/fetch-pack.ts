/** Getting a large pack out of a sandbox: proven whole, and a second try goes on where the first one broke off. */
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Progress, Workspace } from "../runtimes/contract.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { ioError } from "./durable-file.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

/** The folder for it, in the session's git directory. */
export const INCOMING = "incoming";

export interface PackPlace {
  /** The pack in the sandbox. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Where it is put here, absolute; what is left of a broken try stays there. */
  readonly folder: string;
  readonly objectFormat: ObjectFormat;
  readonly progress?: Progress;
}

/** After a broken stream the rest is read in pieces of this size, or of the workspace's if that is smaller. Bytes. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** How often a piece is asked for before the transfer is given up. */
const TRIES = 3;

/**
 * Fetches the pack and returns the file that holds it, which the caller removes. It bears the pack's own checksum in its name, so that
 * only a part of the very same pack is gone on with.
 * @throws GlueError `transferFailed` (retryable) where it does not arrive whole, `ioFailed` where the disk here refuses it, and what the
 * workspace throws.
 */
export async function fetchPack(workspace: Workspace, place: PackPlace): Promise<string> {
  const length = place.objectFormat === "sha256" ? 32 : 20;
  const checksum = await readPiece(workspace, place, place.size - length, length);
  const name = `${Buffer.from(checksum).toString("hex")}.pack`;
  mkdirSync(place.folder, { recursive: true });
  for (const other of readdirSync(place.folder)) {
    if (other !== name) rmSync(join(place.folder, other), { force: true });
  }
  const local = join(place.folder, name);
  await fill(workspace, place, local);
  if (await isSound(local, place, checksum)) return local;
  // Whichever side is damaged, nothing of it is used again.
  rmSync(local, { force: true });
  await workspace.remove(place.path);
  throw new GlueError("transferFailed", "The change did not arrive whole: its checksum is wrong.", { retryable: true });
}

async function fill(workspace: Workspace, place: PackPlace, local: string): Promise<void> {
  const here = Math.min(place.size, statSync(local, { throwIfNoEntry: false })?.size ?? 0);
  const file = openSync(local, here === 0 ? "w" : "r+", 0o600);
  let done = here;
  const keep = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, done + at);
    done += bytes.length;
    place.progress?.({ what: "bringing the change back", done, total: place.size, unit: "bytes" });
  };
  try {
    ftruncateSync(file, done);
    if (done === 0) await streamed(workspace, place, keep);
    const most = Math.min(PIECE_BYTES, workspace.pieceBytes);
    while (done < place.size) keep(await readPiece(workspace, place, done, Math.min(most, place.size - done)));
  } catch (error) {
    throw ioError(error, local);
  } finally {
    closeSync(file);
  }
}

/** All of it in one go. Where that breaks off in the middle, what came counts. */
async function streamed(workspace: Workspace, place: PackPlace, keep: (bytes: Uint8Array) => void): Promise<void> {
  let got = 0;
  try {
    for await (const bytes of await workspace.download(place.path)) {
      const wanted = bytes.subarray(0, place.size - got);
      keep(wanted);
      got += wanted.length;
    }
  } catch (error) {
    if (!isGlueError(error) || !error.retryable) throw error;
  }
}

async function readPiece(workspace: Workspace, place: PackPlace, offset: number, length: number): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt++) {
    try {
      const bytes = await workspace.read(place.path, { offset, length });
      if (bytes.length === length) return bytes;
      if (attempt < TRIES) continue;
      throw new GlueError("transferFailed", `${bytes.length} of ${length} bytes of the change arrived.`, {
        retryable: true,
      });
    } catch (error) {
      if (attempt >= TRIES || !isGlueError(error) || !error.retryable) throw error;
    }
  }
}

async function isSound(local: string, place: PackPlace, checksum: Uint8Array): Promise<boolean> {
  const hasher = new Bun.CryptoHasher(place.objectFormat);
  const body = place.size - checksum.length;
  let seen = 0;
  for await (const bytes of Bun.file(local).stream()) {
    hasher.update(bytes.subarray(0, Math.max(0, body - seen)));
    seen += bytes.length;
  }
  return seen === place.size && hasher.digest("hex") === Buffer.from(checksum).toString("hex");
}
