/** Staging without git in the sandbox: the files of the tree as an archive, unpacked by the sandbox's tar. */
import type { ByteStream } from "../runtimes/contract.ts";
import { type Archive, archiveTrees } from "./archive-tree.ts";
import type { ReadyTree } from "./snapshot-prepare.ts";
import type { StageRun } from "./stage.ts";
import { runScript, stageFailed } from "./stage-script.ts";

/** Sends the tree and the opted-in files; returns the bytes sent. `stageFailed` where tar fails. */
export async function stageArchive(run: StageRun, { taken }: ReadyTree): Promise<number> {
  const { base, includeCommit } = taken.snapshot;
  const trees = includeCommit === null ? [base.tree] : [base.tree, `${includeCommit}^{tree}`];
  return await sendArchive(run, await archiveTrees(taken.store.options, trees));
}

/**
 * tar must not take over owners or times, and must not balk at links that lead out of the tree: they are the user's. busybox
 * refuses those unless it is told otherwise.
 */
const UNPACK = `
set -e
umask 022
mkdir -p "$GLUE_TREE"
cd "$GLUE_TREE"
EXTRACT_UNSAFE_SYMLINKS=1 tar -x -o -m -f -
echo unpacked`;

/** Streams an archive into the workspace. */
export async function sendArchive(run: StageRun, archive: Archive): Promise<number> {
  const { target, options } = run;
  const { stdout, stderr, result } = await runScript(target, UNPACK, {
    cwd: "/",
    env: { GLUE_TREE: target.paths.workspace },
    stdin: counted(archive, run),
    stdinOnce: true,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (result.exitCode !== 0 || !stdout.includes("unpacked"))
    throw stageFailed("tar failed in the sandbox", result, stderr);
  return archive.size;
}

function counted(archive: Archive, { options }: StageRun): ByteStream {
  let done = 0;
  return archive.open().pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        done += chunk.length;
        options.progress?.({ what: "sending the files", done, total: archive.size, unit: "bytes" });
        controller.enqueue(chunk);
      },
    }),
  );
}
