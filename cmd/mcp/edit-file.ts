import { recordEdit } from "../../session/record-edit.ts";
import { GlueError } from "../../spec/glue-error.ts";
import { nearestLines } from "./nearest-lines.ts";
import { isBinary, readWhole, WHOLE } from "./read-file.ts";
import { defineTool } from "./tool.ts";

export const editFile = defineTool({
  name: "edit_file",
  description:
    "Replace a piece of text in a file of the session. old_string has to be exactly as in the file, white space included, without the line numbers of read_file, and has to occur once; give more lines around it, or replace_all. Refused where the file has changed since you read it.",
  params: {
    path: {
      type: "string",
      required: true,
      description: "Relative to the project folder, or absolute in the sandbox.",
    },
    old_string: { type: "string", required: true, description: "The text to replace." },
    new_string: { type: "string", required: true, description: "The text in its place." },
    replace_all: { type: "boolean", description: "Replace every occurrence. Default false." },
  },
  async run({ path: given, old_string: old, new_string: fresh, replace_all: all = false }, call) {
    const { workshop } = call;
    if (old === "") throw wrong("old_string is empty.", "write_file makes a file, or replaces all that it holds.");
    if (old === fresh) throw wrong("old_string and new_string are the same.");
    const session = await workshop.session(call);
    await workshop.facts(session);
    const path = workshop.path(session, given);
    return await workshop.seen.inTurn(path, async () => {
      const { bytes, whole } = await readWhole(session, path);
      if (!whole)
        throw new GlueError("notText", `${path} is larger than ${WHOLE} bytes.`, { hint: "Edit it with bash." });
      if (isBinary(bytes)) throw new GlueError("notText", `${path} is binary.`, { hint: "Edit it with bash." });
      workshop.seen.refuseChanged(path, bytes);
      const { text, count } = replace(path, Buffer.from(bytes), old, fresh, all);
      call.signal.throwIfAborted();
      await session.runtime.workspace.write(path, text);
      workshop.seen.saw(path, text);
      recordEdit(session, ["edit_file", path]);
      return `Changed ${path}: ${count === 1 ? "1 place" : `${count} places`}.`;
    });
  },
});

/** On the bytes, so that what is no valid UTF-8 elsewhere in the file stays as it is. */
function replace(path: string, bytes: Buffer, old: string, fresh: string, all: boolean) {
  // read_file shows lines without their end, so that a model cannot know that it is CRLF.
  const crlf = !old.includes("\r") && bytes.includes("\r\n") && !/(^|[^\r])\n/.test(bytes.toString("latin1"));
  const wanted = Buffer.from(crlf ? old.replaceAll("\n", "\r\n") : old);
  const put = Buffer.from(crlf && !fresh.includes("\r") ? fresh.replaceAll("\n", "\r\n") : fresh);
  const places: number[] = [];
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + wanted.length)) places.push(at);
  if (places.length === 0) {
    const near = nearestLines(bytes.toString(), old);
    throw new GlueError("editRefused", `old_string is not in ${path}. Nothing was written.`, {
      hint: near === undefined ? "Read the file again." : `The nearest is at line ${near.line}:\n${near.text}`,
    });
  }
  if (places.length > 1 && !all) {
    const lines = places.slice(0, 10).map((at) => lineOf(bytes, at));
    throw new GlueError("editRefused", `old_string occurs ${places.length} times in ${path}. Nothing was written.`, {
      hint: `It is at lines ${lines.join(", ")}${places.length > 10 ? ", …" : ""}. Give more of the text around the one you mean, or replace_all.`,
    });
  }
  const parts: Buffer[] = [];
  let from = 0;
  for (const at of places) {
    parts.push(bytes.subarray(from, at), put);
    from = at + wanted.length;
  }
  return { text: Buffer.concat([...parts, bytes.subarray(from)]), count: places.length };
}

function lineOf(bytes: Buffer, at: number): number {
  let line = 1;
  for (let i = bytes.indexOf(10); i >= 0 && i < at; i = bytes.indexOf(10, i + 1)) line++;
  return line;
}

function wrong(message: string, hint?: string): GlueError {
  return new GlueError("optionInvalid", `edit_file: ${message}`, hint === undefined ? {} : { hint });
}
