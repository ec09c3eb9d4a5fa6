import type { LiveSession } from "../../session/live-session.ts";
import { GlueError } from "../../spec/glue-error.ts";
import { type Call, type Content, defineTool } from "./tool.ts";

/** Up to here a file is read whole, and can be edited. Bytes. */
export const WHOLE = 10_000_000;
/** An image over this is described and not shown: clients and models refuse larger ones. Bytes. */
const LARGEST_IMAGE = 3_500_000;
const LINES = 2_000;
/** Of one line, and of all that one call returns. Characters. */
const LONGEST_LINE = 2_000;
const LONGEST_TEXT = 60_000;

export const readFile = defineTool({
  name: "read_file",
  description:
    "Read a file of the session. Text comes with line numbers (number, tab, line), up to 2000 lines from offset on; the answer says when there are more. PNG, JPEG, GIF and WebP come as an image. Read a file before you edit it.",
  params: {
    path: {
      type: "string",
      required: true,
      description: "Relative to the project folder, or absolute in the sandbox.",
    },
    offset: { type: "integer", minimum: 1, description: "The first line to read. Default 1." },
    limit: { type: "integer", minimum: 1, description: "How many lines. Default 2000." },
  },
  readOnly: true,
  async run({ path: given, offset = 1, limit = LINES }, call) {
    const session = await call.workshop.session(call);
    const path = call.workshop.path(session, given);
    const file = await readWhole(session, path);
    const start = file.bytes;
    const image = imageType(start);
    if (image !== undefined) return showImage(path, image, file);
    if (isBinary(start)) {
      throw new GlueError(
        "notText",
        `${path} is binary${file.whole ? `, ${start.length} bytes` : ""}; it cannot be shown as text.`,
        {
          hint: "Use bash with file, xxd, strings or what reads that format.",
        },
      );
    }
    if (file.whole) {
      call.workshop.seen.saw(path, start);
      return numbered(path, [start], offset, limit, call);
    }
    return await numbered(path, await session.runtime.workspace.download(path), offset, limit, call);
  },
});

/** The file, or its beginning where it is larger than `WHOLE`. `fileNotFound`, `isADirectory`. */
export async function readWhole(
  session: LiveSession,
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly whole: boolean }> {
  const { workspace } = session.runtime;
  const entry = await workspace.stat(path);
  if (entry === undefined) throw new GlueError("fileNotFound", `There is no file ${path}.`);
  if (entry.type === "directory")
    throw new GlueError("isADirectory", `${path} is a directory.`, { hint: "list_directory shows what is in it." });
  // Reading a pipe or a device may never end.
  if (entry.type === "other") throw new GlueError("notText", `${path} is no regular file.`);
  const length = Math.min(WHOLE + 1, workspace.pieceBytes);
  const first = await workspace.read(path, { offset: 0, length });
  if (first.length < length) return { bytes: first, whole: true };
  if (length > WHOLE) return { bytes: first, whole: false };
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of await workspace.download(path)) {
    parts.push(part);
    size += part.length;
    if (size > WHOLE) return { bytes: Buffer.concat(parts), whole: false };
  }
  return { bytes: Buffer.concat(parts), whole: true };
}

/** Whether a text editor would show nonsense. */
export function isBinary(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 8_000).includes(0);
}

async function numbered(
  path: string,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  offset: number,
  limit: number,
  call: Call,
): Promise<string> {
  const shown: string[] = [];
  let length = 0;
  let number = 0;
  let more = false;
  for await (const line of textLines(source)) {
    call.signal.throwIfAborted();
    number++;
    if (number < offset) continue;
    if (shown.length >= limit || length > LONGEST_TEXT) {
      more = true;
      break;
    }
    const cut = line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)} [… ${line.length} characters]` : line;
    shown.push(`${number}\t${cut}`);
    length += cut.length;
  }
  if (number === 0) return `[${path} is empty]`;
  if (shown.length === 0) return `[${path} has only ${number} lines]`;
  if (more) shown.push(`[there are more lines; the next offset is ${offset + shown.length}]`);
  return shown.join("\n");
}

async function* textLines(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of source) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.replace(/\r$/, "");
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}

const IMAGES: readonly (readonly [string, (bytes: Uint8Array) => boolean])[] = [
  ["image/png", (bytes) => latin(bytes, 1, 4) === "PNG" && bytes[0] === 0x89],
  ["image/jpeg", (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff],
  ["image/gif", (bytes) => latin(bytes, 0, 4) === "GIF8"],
  ["image/webp", (bytes) => latin(bytes, 0, 4) === "RIFF" && latin(bytes, 8, 12) === "WEBP"],
];

function imageType(bytes: Uint8Array): string | undefined {
  return IMAGES.find(([, fits]) => fits(bytes))?.[0];
}

function latin(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString("latin1");
}

function showImage(path: string, mimeType: string, file: { bytes: Uint8Array; whole: boolean }): Content {
  if (file.whole && file.bytes.length <= LARGEST_IMAGE)
    return { type: "image", mimeType, data: Buffer.from(file.bytes).toString("base64") };
  throw new GlueError("notText", `${path} is an image (${mimeType}) of more than ${LARGEST_IMAGE} bytes.`, {
    hint: "Make a smaller one with bash, and read that.",
  });
}
