/** Files and folders into a session's sandbox and out of it. */
import { promises as fs } from "node:fs";
import { basename, posix, resolve } from "node:path";
import { systemError } from "../runtimes/common/system-error.ts";
import type { ByteStream } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { type CopyOptions, type CopyReport, sumOf } from "../workspace/copy.ts";
import { copyTreeIn, storeStream } from "../workspace/copy-in.ts";
import { copyTreeOut, streamFile } from "../workspace/copy-out.ts";
import { expandPattern, type GlobTree } from "./copy-glob.ts";
import { refuseOutside, refuseSamePlace } from "./outside.ts";
import type { Session } from "./session.ts";

export type { CopyReport };

export interface CopyRequest {
  /** What to copy. Wildcards (`*`, `?`, `[…]`, `{…}`) are expanded where no file is called so; `DIR/.` means what is in the folder. */
  readonly sources: readonly string[];
  /** A folder that is there, or a path that ends with "/": into it. Else exactly this path. */
  readonly destination: string;
  /** On the host: also what lies outside the session's tree. */
  readonly allowOutside?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies from this machine (`sources`, relative to `cwd`) into the sandbox (`destination`, relative to its workspace). Modes and links are
 * kept, and every file is compared afterwards. `fileNotFound`, `outsideWorkspace`, `transferFailed`, and what the ports throw.
 */
export async function copyIn(session: Session, request: CopyRequest, cwd: string): Promise<CopyReport> {
  const options = optionsOf(session, request);
  const to = insidePath(session, request.destination, request.allowOutside);
  const plans = await plan(request, HERE, (path) => resolve(cwd, path), {
    to,
    isFolder: () => isFolderThere(session, to),
  });
  const reports: CopyReport[] = [];
  for (const { from, to: at } of plans) {
    refuseSamePlace(session, from, at);
    reports.push(await copyTreeIn(session.runtime, from, at, options));
  }
  return sumOf(reports);
}

/** The same from the sandbox to this machine. */
export async function copyOut(session: Session, request: CopyRequest, cwd: string): Promise<CopyReport> {
  const options = optionsOf(session, request);
  const to = resolve(cwd, request.destination);
  const place = (path: string) => insidePath(session, path, request.allowOutside);
  const plans = await plan(request, treeOf(session), place, { to, isFolder: () => isFolderHere(to) });
  const reports: CopyReport[] = [];
  for (const { from, to: at } of plans) {
    // A link in between may lead out of the tree.
    if (request.allowOutside !== true) refuseOutside(session, from);
    refuseSamePlace(session, at, from);
    reports.push(await copyTreeOut(session.runtime, from, at, options));
  }
  return sumOf(reports);
}

/** Stores a stream as one file in the sandbox: whole, or not at all. */
export async function copyStreamIn(
  session: Session,
  bytes: ByteStream,
  request: Omit<CopyRequest, "sources">,
): Promise<CopyReport> {
  const to = insidePath(session, request.destination, request.allowOutside);
  if (request.destination.endsWith("/")) {
    throw new GlueError("isADirectory", `Cannot write ${request.destination}: it needs the name of a file`);
  }
  return await storeStream(session.runtime, bytes, to, optionsOf(session, request));
}

/** One file in the sandbox as a stream; `done` compares what came with the file once all of it was read. */
export async function copyStreamOut(
  session: Session,
  source: string,
  request: Pick<CopyRequest, "allowOutside" | "signal">,
): Promise<{ stream: ByteStream; done: () => Promise<CopyReport> }> {
  const from = insidePath(session, source, request.allowOutside);
  return await streamFile(session.runtime, from, optionsOf(session, request));
}

function optionsOf(session: Session, { signal }: Pick<CopyRequest, "signal">): CopyOptions {
  return { progress: session.progress, signal };
}

/** A path in the sandbox as an absolute one; on the host only inside the session's tree. */
function insidePath(session: Session, given: string, allowOutside = false): string {
  if (given.includes("\0")) throw new GlueError("optionInvalid", "A path cannot hold a NUL character.");
  const path = posix.resolve(session.runtime.paths.workspace, given);
  if (!allowOutside) refuseOutside(session, path);
  return path;
}

interface Plan {
  readonly from: string;
  readonly to: string;
}

/** What is copied exactly where. */
async function plan(
  { sources, destination }: CopyRequest,
  tree: GlobTree,
  place: (path: string) => string,
  target: { to: string; isFolder: () => Promise<boolean> },
): Promise<Plan[]> {
  const found: { path: string; contents: boolean }[] = [];
  for (const source of sources) {
    const contents = /(^|\/)\.$/.test(source) && !/^\.?$/.test(source.slice(0, -2));
    for (const path of await expandPattern(tree, place(source))) found.push({ path, contents });
  }
  const into = destination.endsWith("/") || (await target.isFolder());
  if (found.length > 1 && !into) {
    throw new GlueError(
      "notADirectory",
      `${destination} is not a directory, and ${found.length} things cannot all be called so.`,
      {
        hint: 'Put a "/" behind it to make one.',
      },
    );
  }
  return found.map(({ path, contents }) => ({
    from: path,
    to: contents || !into ? target.to : posix.join(target.to, basename(path)),
  }));
}

const HERE: GlobTree = {
  exists: (path) =>
    fs.lstat(path).then(
      () => true,
      (error: unknown) => nothingThere(path, error),
    ),
  list: (path) =>
    fs.readdir(path).catch((error: unknown) => {
      nothingThere(path, error);
      return [];
    }),
};

function treeOf({ runtime }: Session): GlobTree {
  return {
    exists: async (path) => (await runtime.workspace.stat(path)) !== undefined,
    list: async (path) => {
      const entries = await runtime.workspace.list(path).catch((error: unknown) => {
        // A wildcard that meets a file where it looks for a folder finds nothing there.
        if (error instanceof GlueError && (error.code === "notADirectory" || error.code === "fileNotFound")) return [];
        throw error;
      });
      return entries.map(({ name }) => new TextDecoder().decode(name));
    },
  };
}

/** False where the error says that nothing is there; any other is thrown. */
function nothingThere(path: string, error: unknown): false {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return false;
  throw systemError("read", Buffer.from(path), error);
}

async function isFolderHere(path: string): Promise<boolean> {
  return await fs.stat(path).then(
    (stat) => stat.isDirectory(),
    (error: unknown) => nothingThere(path, error),
  );
}

async function isFolderThere({ runtime }: Session, path: string): Promise<boolean> {
  const entry = await runtime.workspace.stat(path);
  if (entry?.type !== "symlink") return entry?.type === "directory";
  // Where a link leads only the sandbox can say.
  const running = await runtime.executor.run({ argv: ["test", "-d", path] }, { cwd: "/" });
  return (await running.wait()).exitCode === 0;
}
