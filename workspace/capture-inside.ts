/**
 * Capture where this machine has no git: the sandbox's git makes the mbox too, and the pack is kept as it comes, proven by the checksum
 * that git puts behind every pack.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import type { CaptureFacts, CaptureRequest, CaptureResult, CaptureSource } from "./capture.ts";
import { bundleHead } from "./capture-bundle.ts";
import { askSandbox, type SandboxState } from "./capture-script.ts";
import { borderRefs, CAPTURE_FILES } from "./capture-store.ts";
import { type Pending, prepareFile, settleFiles } from "./durable-file.ts";
import { fetchPack, INCOMING } from "./fetch-pack.ts";
import { REFS } from "./layout.ts";
import { FORMAT, MBOX_CAP_BYTES } from "./mbox.ts";
import type { BaseCommit } from "./snapshot-types.ts";

/** As `capture`, whole every time. Whether `git am` can make the same of the mbox is not tried, so that is not claimed. */
export async function captureInside(
  source: CaptureSource,
  request: CaptureRequest,
  base: BaseCommit,
): Promise<CaptureResult> {
  const state = await askSandbox(source.executor, { ...request, have: [] });
  const common = { tree: state.tree, bytes: state.packSize, warnings: state.warnings };
  if (state.head === base.commit && state.refs.every(({ id }) => id === base.commit)) {
    await settleFiles(request.sessionDir, [], Object.values(CAPTURE_FILES));
    return { status: "nothing", ...common };
  }
  const borders = borderRefs(state.shallow.filter((id) => id !== base.commit));
  const refs = [{ id: state.head, name: REFS.captured }, ...borders, ...state.refs];
  const head = bundleHead({ objectFormat: base.objectFormat, needs: [base.commit], refs });
  const path = join(request.sessionDir, CAPTURE_FILES.bundle);
  const bundle = await prepareFile(path, [head, checked(await packOf(source, request, state, base), state, base)]);
  const described = await describeInside(source, request, state, base);
  const files = [bundle, ...described.files];
  const names = Object.values(CAPTURE_FILES).filter((name) => !files.some((file) => file.path.endsWith(`/${name}`)));
  await settleFiles(request.sessionDir, files, names);
  if (typeof state.pack === "string") {
    await source.workspace.remove(state.pack);
    rmSync(join(request.gitDir, INCOMING), { recursive: true, force: true });
  }
  return { status: "captured", head: state.head, refs: state.refs, facts: described.facts, ...common };
}

async function packOf(
  source: CaptureSource,
  request: CaptureRequest,
  { pack, packSize }: SandboxState,
  { objectFormat }: BaseCommit,
): Promise<AsyncIterable<Uint8Array>> {
  if (typeof pack !== "string") return new Blob([pack ?? new Uint8Array(0)]).stream();
  const folder = join(request.gitDir, INCOMING);
  return Bun.file(await fetchPack(source.workspace, { path: pack, size: packSize, folder, objectFormat })).stream();
}

/** Passes a pack on and fails at its end where its size or the checksum in its last bytes is not right. */
async function* checked(
  pack: AsyncIterable<Uint8Array>,
  state: SandboxState,
  { objectFormat }: BaseCommit,
): AsyncGenerator<Uint8Array> {
  const hasher = new Bun.CryptoHasher(objectFormat);
  const length = objectFormat === "sha256" ? 32 : 20;
  let tail = Buffer.alloc(0);
  let size = 0;
  for await (const bytes of pack) {
    size += bytes.length;
    const known = Buffer.concat([tail, bytes]);
    hasher.update(known.subarray(0, Math.max(0, known.length - length)));
    tail = known.subarray(Math.max(0, known.length - length));
    yield bytes;
  }
  if (size === state.packSize && hasher.digest("hex") === tail.toString("hex")) return;
  throw new GlueError("transferFailed", "The change did not arrive whole: its checksum is wrong.", { retryable: true });
}

const DESCRIBE = `
set -u
export LC_ALL=C HOME="$GLUE_GIT" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_NO_REPLACE_OBJECTS=1
own() { git --git-dir="$GLUE_GIT" -c core.bare=true -c core.hooksPath=/dev/null -c core.quotePath=true "$@"; }
printf 'commits %d\\n' "$(own rev-list --count "$GLUE_BASE..$GLUE_HEAD")" || exit 1
printf 'files %d\\n' "$(own diff-tree -r -M --name-only "$GLUE_BASE" "$GLUE_HEAD" | wc -l)"
if own merge-base --is-ancestor "$GLUE_BASE" "$GLUE_HEAD"; then echo descends 1; else echo descends 0; fi
own ${FORMAT.join(" ")} "$GLUE_BASE..$GLUE_HEAD" >"$GLUE_GIT/glue-mbox" || exit 1
printf 'size %d\\nend\\n' "$(wc -c <"$GLUE_GIT/glue-mbox")"`;

async function describeInside(
  source: CaptureSource,
  request: CaptureRequest,
  state: SandboxState,
  base: BaseCommit,
): Promise<{ facts: CaptureFacts; files: Pending[] }> {
  const gitDir = request.base.sandbox.gitDir ?? "";
  const env = { GLUE_GIT: gitDir, GLUE_BASE: base.commit, GLUE_HEAD: state.head };
  const running = await source.executor.run({ script: DESCRIBE }, { cwd: request.base.sandbox.workspace, env });
  const [stdout, stderr, result] = await Promise.all([
    new Response(running.stdout).text(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  if (result.exitCode !== 0 || !stdout.endsWith("end\n")) {
    throw new GlueError("captureFailed", `git failed in the sandbox (exit code ${result.exitCode}): ${stderr.trim()}`);
  }
  const number = (key: string) => Number(new RegExp(`^${key} (\\d+)$`, "m").exec(stdout)?.[1]);
  const truncated = number("size") > MBOX_CAP_BYTES;
  const mbox = `${gitDir}/glue-mbox`;
  const name = join(request.sessionDir, truncated ? CAPTURE_FILES.truncated : CAPTURE_FILES.mbox);
  const file = await prepareFile(name, [cut(await source.workspace.download(mbox))]);
  await source.workspace.remove(mbox);
  const facts: CaptureFacts = {
    runtime_id: request.runtimeId,
    sandbox_id: request.sandboxId,
    bootstrap_sha: base.commit,
    remote_url: request.base.remoteUrl,
    runtime_cwd: request.base.sandbox.cwd,
    format: "format-patch",
    captured_at: request.now.toISOString(),
    size_bytes: number("size"),
    truncated,
    truncation_cap_bytes: MBOX_CAP_BYTES,
    base_tree: base.tree,
    head_tree: state.tree,
    commits: number("commits"),
    files_changed: number("files"),
    mbox_exact: false,
    ids_kept: number("descends") === 1,
    quiescent: state.quiescent,
  };
  const text = new TextEncoder().encode(`${JSON.stringify(facts, undefined, 2)}\n`);
  return { facts, files: [file, await prepareFile(join(request.sessionDir, CAPTURE_FILES.meta), [text])] };
}

async function* cut(mbox: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let room = MBOX_CAP_BYTES;
  for await (const bytes of mbox) {
    yield bytes.subarray(0, room);
    room -= bytes.length;
    if (room <= 0) return;
  }
}
