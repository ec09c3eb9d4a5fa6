import type { Stream, Work, WorkState } from "./work.ts";

/** How much of one stream an answer carries: its beginning and its end. Bytes. */
const HEAD = 6_000;
const TAIL = 14_000;
/** How much one call reads from an offset. Bytes. */
const PAGE = 20_000;

/** What came since it was last told, bounded, and how the command stands. */
export async function render(work: Work, state: WorkState): Promise<string> {
  const parts: string[] = [];
  for (const stream of ["stdout", "stderr"] as const) {
    const text = await section(work, stream, work.told[stream], state[stream]);
    work.told[stream] = state[stream];
    if (text === "") continue;
    parts.push(stream === "stderr" ? `[stderr]\n${text}` : text);
  }
  parts.push(statusLine(work, state));
  return parts.map((part) => part.replace(/\n$/, "")).join("\n");
}

/** A page of one stream from an offset on, and where the next begins. */
export async function renderPage(work: Work, state: WorkState, stream: Stream, offset: number): Promise<string> {
  const bytes = await work.read(stream, offset, Math.min(PAGE, Math.max(0, state[stream] - offset)));
  const page = offset + bytes.length < state[stream] ? endWhole(bytes) : bytes;
  if (page.length === 0 && offset < state[stream])
    return `[${stream}: what is at ${offset} was not kept, only the beginning and the end of ${state[stream]} bytes]\n${statusLine(work, state)}`;
  const next = offset + page.length;
  const where = `[${stream}: bytes ${offset} to ${next} of ${state[stream]}${next < state[stream] ? `; the next offset is ${next}` : ""}]`;
  return `${decode(page)}\n${where}\n${statusLine(work, state)}`;
}

/** The last line that a command has written, for a progress notification. */
export async function lastLine(work: Work, state: WorkState): Promise<string> {
  const from = Math.max(0, state.stdout - 300);
  const text = decode(startWhole(await work.read("stdout", from, state.stdout - from)));
  return text.trimEnd().split("\n").at(-1) ?? "";
}

async function section(work: Work, stream: Stream, from: number, size: number): Promise<string> {
  if (size - from <= HEAD + TAIL) return decode(await work.read(stream, from, size - from));
  const head = endWhole(await work.read(stream, from, HEAD));
  const tail = startWhole(await work.read(stream, size - TAIL, TAIL));
  const next = from + head.length;
  const left = size - tail.length - next;
  const where = `[${left} bytes left out here; job_output with id "${work.id}", stream "${stream}", offset ${next} reads them]`;
  return `${decode(head)}\n${where}\n${decode(tail)}`;
}

function statusLine(work: Work, { running, result }: WorkState): string {
  if (running)
    return `[still running as job ${work.id}: job_output with id "${work.id}" waits and reads on, job_kill ends it]`;
  if (result === undefined) return `[job ${work.id} does not run any more, and nobody saw how it ended]`;
  const lost = result.outputLost === true ? "; some of its output was lost" : "";
  if (result.outcome === "timeout") return `[timed out and was ended, exit code ${result.exitCode}${lost}]`;
  if (result.outcome === "cancelled") return `[it was ended${lost}]`;
  if (result.outcome === "signalled") return `[ended by signal ${result.exitCode - 128}${lost}]`;
  return `[exit code ${result.exitCode}${lost}]`;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

const isInner = (byte: number | undefined) => byte !== undefined && (byte & 0xc0) === 0x80;

/** Without the beginning of a character at the end that is not whole. */
function endWhole(bytes: Uint8Array): Uint8Array {
  let at = bytes.length;
  while (at > 0 && bytes.length - at < 3 && isInner(bytes[at - 1])) at--;
  const first = bytes[at - 1] ?? 0;
  const wants = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return at > 0 && wants > bytes.length - at + 1 ? bytes.subarray(0, at - 1) : bytes;
}

/** Without the end of a character at the beginning. */
function startWhole(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < 3 && isInner(bytes[at])) at++;
  return bytes.subarray(at);
}
