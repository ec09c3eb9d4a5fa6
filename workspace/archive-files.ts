/** The archive of files as they are on the host's disk, made while it is read. */
import { open } from "node:fs/promises";
import { GlueError } from "../spec/glue-error.ts";
import { ARCHIVE_END, archivedSize, archiveHeader, archivePadding } from "./archive.ts";
import type { Archive } from "./archive-tree.ts";
import { Gatherer, streamOf } from "./byte-stream.ts";
import { pathBelow } from "./host-file.ts";
import { pathText } from "./layout.ts";
import type { PlainFile } from "./snapshot-plain.ts";

/** The archive of these files of the tree at `top`. The stream fails with `snapshotFailed` where one cannot be read or is shorter by now. */
export function archiveFiles(top: string, files: readonly PlainFile[]): Archive {
  const size = files.reduce((sum, file) => sum + archivedSize(file), ARCHIVE_END.length);
  return { size, files: files.length, open: () => streamOf(writeArchive(top, files)) };
}

async function* writeArchive(top: string, files: readonly PlainFile[]): AsyncGenerator<Uint8Array> {
  const out = new Gatherer();
  for (const file of files) {
    yield* out.add(archiveHeader(file, file.target));
    if (file.kind !== "file") continue;
    for await (const part of contentOf(top, file)) yield* out.add(part);
    yield* out.add(archivePadding(file.size));
  }
  yield* out.add(ARCHIVE_END);
  yield* out.flush();
}

const PART = 262_144;

/** Exactly as many bytes as the header promises: a file that grows meanwhile is taken as long as it was. */
async function* contentOf(top: string, file: PlainFile): AsyncGenerator<Uint8Array> {
  const failed = (why: string, cause?: unknown) =>
    new GlueError("snapshotFailed", `${pathText(file.path)} ${why}.`, {
      hint: "Try again when nothing writes to the tree.",
      cause,
    });
  const source = await open(pathBelow(top, file.path), "r").catch((cause: unknown) => {
    throw failed("cannot be read", cause);
  });
  try {
    for (let left = file.size; left > 0; ) {
      const part = new Uint8Array(Math.min(PART, left));
      const { bytesRead } = await source.read(part, 0, part.length);
      if (bytesRead === 0) throw failed("became shorter while it was read");
      left -= bytesRead;
      yield part.subarray(0, bytesRead);
    }
  } finally {
    await source.close();
  }
}
