import type { LiveSession } from "../../session/live-session.ts";
import { GlueError } from "../../spec/glue-error.ts";
import type { Call } from "./tool.ts";

/** Beyond this a list of names is no longer fetched. Bytes. */
const LARGEST_LIST = 64_000_000;

/** What git knows or would take in, less what was deleted; without git every file but git's own. */
const LIST = `if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  git -c core.fsmonitor=false ls-files -z -co --exclude-standard && printf '\\0' && git -c core.fsmonitor=false ls-files -z -d
else
  find . -name .git -prune -o \\( -type f -o -type l \\) -print0
fi`;

/** Names of the files below a folder, relative to it, sorted; one character a byte (Latin-1), because names are bytes. */
export async function fileNames(session: LiveSession, folder: string, call: Call): Promise<string[]> {
  const { stdout, stderr, exitCode, whole } = await collect(
    session,
    { script: LIST, shell: "sh" },
    folder,
    call,
    LARGEST_LIST,
  );
  if (!whole)
    throw new GlueError("ioFailed", `There are too many files below ${folder}.`, { hint: "Name a folder in it." });
  if (exitCode !== 0) throw new GlueError("ioFailed", `The files of ${folder} could not be listed: ${stderr.trim()}`);
  const names = stdout.toString("latin1").split("\0");
  const border = names.indexOf("");
  const gone = new Set(names.slice(border + 1));
  const there = new Set(names.slice(0, border).map((name) => name.replace(/^\.\//, "")));
  return [...there].filter((name) => !gone.has(name)).sort();
}

/** The name as text. */
export function shown(name: string): string {
  return Buffer.from(name, "latin1").toString();
}

/** Runs a command of glue's own, which is not recorded, and takes at most `limit` bytes of its stdout; `whole` says whether that was all. */
export async function collect(
  session: LiveSession,
  command: { readonly script: string; readonly shell: string } | { readonly argv: readonly [string, ...string[]] },
  cwd: string,
  call: Call,
  limit: number,
  stdin?: Uint8Array,
): Promise<{ stdout: Buffer; stderr: string; exitCode: number; whole: boolean }> {
  const running = await session.runtime.executor.run(command, {
    cwd,
    signal: call.signal,
    ...(stdin === undefined ? {} : { stdin }),
  });
  const said = new Response(running.stderr).text();
  const parts: Uint8Array[] = [];
  let size = 0;
  let whole = true;
  for await (const bytes of running.stdout) {
    if (!whole) continue;
    parts.push(bytes);
    size += bytes.length;
    if (size <= limit) continue;
    whole = false;
    void running.kill();
  }
  const { exitCode } = await running.wait();
  call.signal.throwIfAborted();
  return { stdout: Buffer.concat(parts), stderr: await said, exitCode, whole };
}
