/** A sandbox that is a folder on this machine: real sh, real files, nothing else. For tests of what is built over the two ports. */
import { createReadStream, mkdirSync, rmSync } from "node:fs";
import { lstat, readdir, readFile, readlink, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import type { Command, CommandExecutor, Entry, RunOptions, Workspace } from "../../runtimes/contract.ts";
import { GlueError } from "../../spec/glue-error.ts";

export interface LocalSandbox {
  readonly executor: CommandExecutor;
  readonly workspace: Workspace;
  readonly paths: { readonly workspace: string; readonly private: string; readonly tmp: string };
}

/** Commands see `env` and nothing of the test's own environment but PATH. */
export function localSandbox(root: string, env: Readonly<Record<string, string>> = {}): LocalSandbox {
  const paths = { workspace: join(root, "workspace"), private: join(root, "private"), tmp: join(root, "tmp") };
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true });
  return {
    executor: executorIn(paths.workspace, { PATH: process.env.PATH ?? "", ...env }),
    workspace: filesIn(paths.workspace),
    paths,
  };
}

function executorIn(top: string, env: Readonly<Record<string, string>>): CommandExecutor {
  let count = 0;
  return {
    async run(command: Command, options: RunOptions = {}) {
      const argv = "argv" in command ? [...command.argv] : [command.shell ?? "sh", "-c", command.script];
      const child = Bun.spawn(argv, {
        cwd: resolve(top, options.cwd ?? "."),
        env: { ...env, ...options.env },
        stdin: options.stdin ?? "ignore",
        stdout: "pipe",
        stderr: "pipe",
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      return {
        id: String(++count),
        stdout: child.stdout,
        stderr: child.stderr,
        wait: async () => {
          const exitCode = await child.exited;
          const outcome = options.signal?.aborted ? "cancelled" : child.signalCode === null ? "exited" : "signalled";
          return { exitCode, outcome } as const;
        },
        kill: async () => child.kill("SIGKILL"),
        resize: async () => undefined,
      };
    },
  };
}

function filesIn(top: string): Workspace {
  const at = (path: string | Uint8Array) =>
    typeof path === "string" ? resolve(top, path) : Buffer.concat([Buffer.from(`${top}/`), path]);
  const toEntry = async (path: string): Promise<Entry> => {
    const stat = await lstat(path);
    const type = stat.isFile()
      ? "file"
      : stat.isDirectory()
        ? "directory"
        : stat.isSymbolicLink()
          ? "symlink"
          : "other";
    const link = type === "symlink" ? { linkTarget: new Uint8Array(await readlink(path, { encoding: "buffer" })) } : {};
    return {
      name: new TextEncoder().encode(path.split("/").at(-1)),
      type,
      size: stat.size,
      mode: stat.mode & 0o7777,
      ...link,
    };
  };
  const whole = async (path: string | Uint8Array) => {
    try {
      return await readFile(at(path));
    } catch (cause) {
      throw new GlueError("fileNotFound", `There is no ${String(path)}.`, { cause });
    }
  };
  return {
    pieceBytes: 1_000_000,
    read: async (path, range) => {
      const bytes = await whole(path);
      return range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.length);
    },
    write: async (path, bytes, options) => {
      const target = at(path);
      mkdirSync(dirname(String(target)), { recursive: true });
      await writeFile(target, bytes, options);
    },
    download: async (path) => Readable.toWeb(createReadStream(at(path))) as unknown as ReadableStream<Uint8Array>,
    upload: async (path, bytes, options) => {
      const target = at(path);
      mkdirSync(dirname(String(target)), { recursive: true });
      await writeFile(target, new Uint8Array(await new Response(bytes).arrayBuffer()), options);
    },
    list: async (path) => {
      const folder = String(at(path));
      return await Promise.all((await readdir(folder)).map((name) => toEntry(join(folder, name))));
    },
    stat: async (path) => {
      try {
        return await toEntry(String(at(path)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    makeDirectory: async (path) => void mkdirSync(at(path), { recursive: true }),
    remove: async (path, options) => {
      if (options?.recursive) rmSync(at(path), { recursive: true, force: true });
      else await rm(at(path), { force: true });
    },
    move: async (from, to) => await rename(at(from), at(to)),
  };
}
