import { changeOf, diffAll } from "../../session/change.ts";
import type { LiveSession } from "../../session/live-session.ts";
import { saveChange } from "../../session/save.ts";
import { GlueError, isGlueError } from "../../spec/glue-error.ts";
import { collect } from "./file-list.ts";
import { type Call, defineTool } from "./tool.ts";

/** What one answer carries of the text. Bytes. */
const SHOWN = 60_000;

export const sessionDiff = defineTool({
  name: "session_diff",
  description:
    "Show everything that changed in the session since it was opened, as one diff: commits and uncommitted work, new files too. This is what its user gets to review.",
  params: {
    stat: { type: "boolean", description: "Only how much of each file changed." },
  },
  readOnly: true,
  async run({ stat = false }, call) {
    const session = await call.workshop.session(call);
    if (session.meta.mode === "direct") return await directDiff(session, stat, call);
    call.tell(() => "bringing the change here");
    await save(session, call);
    try {
      const change = await changeOf(session, session.folder, session.meta);
      const text = await beginning(diffAll(change, { color: false, ...(stat ? { statWidth: 100 } : {}) }));
      return text === "" ? UNCHANGED : text;
    } catch (error) {
      if (isGlueError(error, "nothingToLand")) return UNCHANGED;
      throw error;
    }
  },
});

const UNCHANGED = "[nothing has changed since the session was opened]";

/** A checkpoint may be under way at this moment: its turn is soon over. */
async function save(session: LiveSession, call: Call): Promise<void> {
  for (;;) {
    try {
      const report = await saveChange(session);
      if (report?.status === "unavailable")
        throw new GlueError("captureFailed", `The change could not be had (${report.reason}): ${report.message}`);
      return;
    } catch (error) {
      if (!isGlueError(error, "sessionBusy") || performance.now() + 1_000 > call.until) throw error;
      await Bun.sleep(200);
    }
  }
}

/** A session on the user's own files has no start to compare with: what git says is all there is. */
async function directDiff(session: LiveSession, stat: boolean, call: Call): Promise<string> {
  const script = `git status --short && git diff${stat ? " --stat" : ""} HEAD`;
  const { stdout, stderr, exitCode } = await collect(
    session,
    { script, shell: "sh" },
    session.startFolder,
    call,
    SHOWN * 4,
  );
  if (exitCode !== 0) throw new GlueError("gitFailed", `git does not show a difference here: ${stderr.trim()}`);
  const note = "[this session works on the user's own files: this is what differs from the last commit]";
  return stdout.length === 0 ? `${note}\nnothing` : `${note}\n${await beginning([stdout])}`;
}

/** The beginning of a text, and how much more there is. */
async function beginning(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const bytes of source) {
    if (size < SHOWN) parts.push(bytes.slice(0, SHOWN - size));
    size += bytes.length;
  }
  const text = Buffer.concat(parts).toString();
  if (size <= SHOWN) return text;
  return `${text}\n[${size - SHOWN} more bytes; stat shows the files, bash with git diff one of them]`;
}
