/** From a sandbox to this machine. What comes is not trusted: nothing of it is written outside the destination, nor through a link in it. */

import { posix } from "node:path";
import { fileError } from "../runtimes/common/file-errors.ts";
import type { ByteStream, Entry } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { readTar } from "./capture-tar.ts";
import {
  type CopyOptions,
  type CopyReport,
  type CopyTarget,
  compareHashes,
  lastLine,
  observed,
  sandboxHashes,
} from "./copy.ts";
import { TreeWriter } from "./copy-tree-out.ts";
import { makeParents, writeFile } from "./copy-write.ts";

/**
 * Copies a file, folder or symbolic link (`from`, absolute, in the sandbox) to exactly `to` (absolute, on this machine). Permission bits and
 * links are kept; set-user-ID bits, owners and times are not. Every file is replaced as a whole or not at all, a folder is merged into one
 * that is there. Every file's bytes are compared afterwards.
 */
export async function copyTreeOut(
  target: CopyTarget,
  from: string,
  to: string,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const entry = await target.workspace.stat(from);
  if (entry === undefined) throw new GlueError("fileNotFound", `There is no ${from} in the sandbox.`);
  if (entry.type === "other")
    throw new GlueError("ioFailed", `${from} is neither a file, nor a folder, nor a symbolic link.`);
  if (entry.type === "file") return await copyFile(target, from, to, entry, options);
  return await copyTree(target, from, to, options);
}

async function copyFile(
  target: CopyTarget,
  from: string,
  to: string,
  entry: Entry,
  options: CopyOptions,
): Promise<CopyReport> {
  const at = Buffer.from(to);
  await makeParents(at);
  const { hash, size } = await writeFile(at, entry.mode, () => fetched(target, from, entry.size, options));
  const name = new TextEncoder().encode(posix.basename(from));
  const there = await sandboxHashes(target, posix.dirname(from), [name], options);
  const verified = compareHashes([name], [hash], there);
  return { files: 1, folders: 0, links: 0, bytes: size, verified, skipped: [] };
}

async function* fetched(
  target: CopyTarget,
  from: string,
  total: number,
  options: CopyOptions,
): AsyncGenerator<Uint8Array> {
  const { stream } = observed(await target.workspace.download(from), `copying ${posix.basename(from)}`, total, options);
  yield* stream;
}

const PACK = `
export LC_ALL=C
cd -- "$1" || exit 21
exec tar -cf - "./$2"`;

async function copyTree(target: CopyTarget, from: string, to: string, options: CopyOptions): Promise<CopyReport> {
  const { signal, progress } = options;
  const name = posix.basename(from);
  const [folder, inside] = name === "" ? ["/", "."] : [posix.dirname(from), name];
  const running = await target.executor.run(
    { argv: ["sh", "-c", PACK, "glue", folder, inside] },
    { cwd: "/", ...(signal === undefined ? {} : { signal }) },
  );
  const said = new Response(running.stderr).text();
  const writer = new TreeWriter(Buffer.from(to), Buffer.from(inside), (done) =>
    progress?.({ what: `copying ${name}`, done, unit: "bytes" }),
  );
  try {
    for await (const entry of readTar(running.stdout)) await writer.add(entry);
  } catch (error) {
    await running.kill();
    throw error;
  } finally {
    await writer.finish();
  }
  const [result, stderr] = [await running.wait(), await said];
  if (result.outcome === "cancelled") throw new GlueError("cancelled", "Copying was interrupted.");
  if (result.exitCode !== 0) throw packFailed(result.exitCode, stderr, from);
  const there = await sandboxHashes(target, folder, writer.names, options);
  const verified = compareHashes(writer.names, writer.hashes, there);
  const { files, folders, links, bytes, skipped } = writer;
  return { files, folders, links, bytes, verified, skipped };
}

function packFailed(code: number, stderr: string, from: string): GlueError {
  const why = stderr.split("\n").find((line) => line.startsWith("tar:")) ?? lastLine(stderr);
  if (/Permission denied/.test(stderr)) return fileError("copy", Buffer.from(from), why);
  return new GlueError("transferFailed", `Not all of ${from} could be copied: ${why || `tar ended with ${code}`}`, {
    hint: "What changed or vanished while it was copied is missing. Copy it again.",
    retryable: true,
  });
}

/** The bytes of a file in the sandbox as they come; `done` resolves when they were all read and are those of the file. */
export async function streamFile(
  target: CopyTarget,
  from: string,
  options: CopyOptions = {},
): Promise<{ stream: ByteStream; done: () => Promise<CopyReport> }> {
  const { stream, hash, size } = observed(
    await target.workspace.download(from),
    `copying ${posix.basename(from)}`,
    undefined,
    options,
  );
  const name = new TextEncoder().encode(posix.basename(from));
  return {
    stream,
    async done() {
      const there = await sandboxHashes(target, posix.dirname(from), [name], options);
      const verified = compareHashes([name], [hash.digest("hex")], there);
      return { files: 1, folders: 0, links: 0, bytes: size(), verified, skipped: [] };
    },
  };
}
