import { attachSession } from "../session/attach.ts";
import { type CopyReport, copyIn, copyOut, copyStreamIn, copyStreamOut } from "../session/copy.ts";
import { findSession } from "../session/find.ts";
import type { Session } from "../session/session.ts";
import { watchInterrupts } from "../session/signals.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import type { Io } from "./io.ts";
import { usage } from "./parse.ts";

export const command = defineCommand({
  name: "cp",
  summary: "Copy files and folders into a session's sandbox, or out of it.",
  description:
    "ID:PATH names a path in the sandbox of a session; :PATH one in the session that is open for this folder. A relative PATH is below the workspace. Folders go whole; into a folder that is there, or a path that ends with /, a source goes under its own name; DIR/. is what is in DIR. Wildcards are expanded on either side. - is stdin or stdout.\n\nModes and symbolic links are kept, owners and times are not. What is in the way is replaced. Every file is compared afterwards by its SHA-256.\n\nA local name that holds a colon is written with ./ in front.",
  args: {
    paths: {
      type: "positional",
      required: true,
      multiple: true,
      valueHint: "SRC… DST",
      complete: "place",
      description: "One side is ID:PATH, the other a path here",
    },
    "allow-outside": {
      type: "boolean",
      description: "On the host, allow paths outside the session's tree",
    },
    ...outputFlags,
  },
  examples: [
    { run: "glue cp report.pdf :docs/", does: "into a folder of this folder's session" },
    { run: "glue cp mia1:/workspace/dist .", does: "a whole folder, out of another one" },
    { run: "glue cp ':/var/log/*.log' logs/", does: "with a wildcard that the sandbox's names are matched with" },
    { run: "tar c . | glue cp - :/tmp/tree.tar", does: "from stdin" },
  ],
  async run(options, io) {
    const [sources, destination] = [options.paths.slice(0, -1), options.paths.at(-1) ?? ""];
    const { session: given, ...way } = wayOf(sources, destination);
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const id = findSession(around.home, given === "" ? undefined : given, io.cwd);
    const interrupts = watchInterrupts((line) => io.err(line));
    try {
      const session = await attachSession(around, { id, cwd: io.cwd });
      try {
        const request = { ...way, allowOutside: options["allow-outside"], signal: interrupts.signal };
        const report = await copy(session, request, io);
        io.endProgress();
        tell(session, report, way, io);
        return 0;
      } finally {
        await session.detach();
      }
    } finally {
      interrupts.dispose();
    }
  },
});

interface Way {
  readonly direction: "in" | "out";
  readonly sources: readonly string[];
  readonly destination: string;
}

/** Reads which side is the sandbox's. Throws `usage` before anything is asked for. */
function wayOf(sources: readonly string[], destination: string): Way & { readonly session: string } {
  if (sources.length === 0) throw wrong("SRC or DST is missing.");
  const from = sources.map(placeOf);
  const to = placeOf(destination);
  const sessions = new Set(from.map(({ session }) => session));
  const [only] = sessions;
  if (to.session !== undefined && from.some(({ session }) => session !== undefined))
    throw wrong("Both sides are in a sandbox.", "Copy it here first, and then there.");
  if (sessions.size > 1) throw wrong("All sources have to be in one place.");
  const session = to.session ?? only;
  if (session === undefined)
    throw wrong("Neither side is in a sandbox.", "Write ID:PATH, or :PATH for this folder's session.");
  const paths = from.map(({ path }) => path);
  if (paths.includes("") || to.path === "") throw wrong("A path is empty.");
  if (paths.length > 1 && (paths.includes("-") || to.path === "-"))
    throw wrong("- stands for one file, and there are several.");
  return { direction: to.session === undefined ? "out" : "in", session, sources: paths, destination: to.path };
}

/** `ID:PATH`. What has a "/" before the colon is a local name. */
function placeOf(word: string): { session: string | undefined; path: string } {
  const found = /^([a-z0-9-]*):(.*)$/s.exec(word);
  if (found === null || word === "-") return { session: undefined, path: word };
  const [, session = "", path = ""] = found;
  return { session, path: path === "" ? "." : path };
}

function wrong(message: string, hint?: string) {
  return usage({ name: "cp" }, message, hint);
}

async function copy(
  session: Session,
  request: Way & { allowOutside: boolean; signal: AbortSignal },
  io: Io,
): Promise<CopyReport> {
  const { direction, sources, destination } = request;
  if (direction === "in") {
    if (sources[0] === "-") return await copyStreamIn(session, io.terminal.stdin(), request);
    return await copyIn(session, request, io.cwd);
  }
  if (destination !== "-") return await copyOut(session, request, io.cwd);
  const { stream, done } = await copyStreamOut(session, sources[0] ?? "", request);
  for await (const bytes of stream) await io.stream(1, bytes);
  return await done();
}

function tell(session: Session, report: CopyReport, { direction, destination }: Way, io: Io): void {
  for (const path of report.skipped) io.warn(`${path} is neither a file, a folder nor a link; it was left out.`);
  if (report.verified === "size" && report.files > 0)
    io.warn("The sandbox has no sha256sum: sizes were compared, contents were not.");
  // stdout is the file's own then.
  if (io.json && destination !== "-") {
    io.outJson({ schemaVersion: 1, id: session.id, direction, ...report });
    return;
  }
  const { files, folders, links, bytes } = report;
  const parts = [count(files, "file"), count(folders, "folder"), count(links, "link")].filter((part) => part !== "");
  io.notice(
    `Copied ${parts.join(", ") || "nothing"}, ${bytes} bytes${report.verified === "sha256" ? ", verified" : ""}.`,
  );
}

function count(number: number, what: string): string {
  return number === 0 ? "" : `${number} ${what}${number === 1 ? "" : "s"}`;
}
