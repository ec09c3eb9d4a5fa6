/**
 * The bundle that a capture is kept in. glue writes the few lines of its head by itself, because `git bundle create` leaves out a
 * ref that names something the reader has already, and refuses a bundle without new objects: both are answers here, not mistakes.
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { ByteStream } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { concat, splitLine } from "./bytes.ts";
import type { CapturedRef } from "./capture-script.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

export interface BundleHead {
  readonly objectFormat: ObjectFormat;
  /** Commits that the reader must have. */
  readonly needs: readonly string[];
  readonly refs: readonly CapturedRef[];
  /** Where the pack begins, in bytes. */
  readonly packAt: number;
}

/** The lines before the pack. Version 2 is read by every git; only SHA-256 needs version 3. */
export function bundleHead(head: Omit<BundleHead, "packAt">): Uint8Array {
  const version = head.objectFormat === "sha256" ? "# v3 git bundle\n@object-format=sha256\n" : "# v2 git bundle\n";
  const needs = head.needs.map((id) => `-${id} \n`);
  const refs = head.refs.map(({ id, name }) => `${id} ${name}\n`);
  return new TextEncoder().encode(`${version}${needs.join("")}${refs.join("")}\n`);
}

const PIECE = 65_536;

/** Reads the lines before the pack. `sessionDamaged` where the file is no bundle. */
export function readBundleHead(path: string): BundleHead {
  const file = openSync(path, "r");
  try {
    let bytes: Uint8Array = new Uint8Array(0);
    for (;;) {
      const piece = new Uint8Array(PIECE);
      const read = readSync(file, piece, 0, PIECE, bytes.length);
      bytes = concat([bytes, piece.subarray(0, read)]);
      const head = parse(bytes);
      if (head !== undefined) return head;
      if (read === 0) throw new GlueError("sessionDamaged", `${path} is not a git bundle, or only a part of one.`);
    }
  } finally {
    closeSync(file);
  }
}

/**
 * The pack of a bundle. Read here piece by piece: Bun gives a child the whole file when its stdin is a part of one (or the stream of
 * a part).
 */
export function bundlePack(path: string): ByteStream {
  const pieces = Bun.file(path).slice(readBundleHead(path).packAt).stream().getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => pieces.cancel(reason),
  });
}

/** Undefined while the empty line that ends the head is not among the bytes. */
function parse(bytes: Uint8Array): BundleHead | undefined {
  const needs: string[] = [];
  const refs: CapturedRef[] = [];
  let objectFormat: ObjectFormat = "sha1";
  let rest = bytes;
  for (;;) {
    const split = splitLine(rest);
    if (split === undefined) return undefined;
    rest = split.rest;
    const line = new TextDecoder().decode(split.line);
    if (line === "") return { objectFormat, needs, refs, packAt: bytes.length - rest.length };
    if (line === "@object-format=sha256") objectFormat = "sha256";
    else if (line.startsWith("-")) needs.push(line.slice(1).split(" ", 1)[0] ?? "");
    else if (!/^[#@]/.test(line))
      refs.push({ id: line.slice(0, line.indexOf(" ")), name: line.slice(line.indexOf(" ") + 1) });
  }
}
