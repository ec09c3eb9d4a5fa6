import { type ExitRecord, parseExitRecord } from "../common/exit-record.ts";
import { GlueError } from "../contract.ts";

/** How far one stream of a command was fetched. */
export interface Mark {
  /** The number of the piece, and the bytes of it that are here. */
  readonly piece: number;
  readonly offset: number;
}

/** What there is of one stream behind its mark. */
export interface Seen extends Mark {
  /** Bytes that wait in this piece. */
  readonly waiting: number;
  readonly ended: boolean;
  /** Nothing will follow the bytes that wait. */
  readonly last: boolean;
  /** Those bytes come behind the answer's words. */
  readonly behind: boolean;
  /** Those bytes (or more, if it grew), where they were few enough to come along. */
  readonly bytes: Uint8Array | undefined;
}

/** The answer of carry.sh to `start` and `poll`. */
export interface Poll {
  /** `dead`: what watched over the command is gone. `unknown`: no such command was ever started. */
  readonly state: "running" | "over" | "dead" | "unknown";
  /** The launcher's status, once it is over. */
  readonly status: number | undefined;
  readonly record: ExitRecord | undefined;
  /** How long it waited for something new, about. Milliseconds. */
  readonly waitedMs: number;
  /** Output could not be stored. */
  readonly lost: boolean;
  readonly stdout: Seen;
  readonly stderr: Seen;
}

/** Reads an answer of carry.sh. */
export function parsePoll(text: string): Poll {
  const lines = text.split("\n");
  let state: Poll["state"] | undefined;
  let status: number | undefined;
  let record: ExitRecord | undefined;
  let lost = false;
  let waitedMs = 0;
  const seen: { o?: Seen; e?: Seen } = {};
  for (let at = 0; at < lines.length; at += 1) {
    const [word, ...rest] = (lines[at] ?? "").split(" ");
    if (word === "s") {
      const [name, code, ...words] = rest;
      if (name !== "running" && name !== "over" && name !== "dead" && name !== "unknown") throw broken(text);
      state = name;
      status = code === undefined || code === "" ? undefined : Number(code);
      record = parseExitRecord(words.join(" "));
    } else if (word === "w") {
      waitedMs = Number(rest[0]);
    } else if (word === "lost") {
      lost = true;
    } else if (word === "o" || word === "e") {
      const [piece, offset, waiting, ended] = rest.slice(0, 4).map(Number);
      if (piece === undefined || offset === undefined || waiting === undefined) throw broken(text);
      let bytes: Uint8Array | undefined;
      if (rest[4] === "here") {
        const end = lines.indexOf("-", at + 1);
        if (end < 0) throw broken(text);
        bytes = new Uint8Array(Buffer.from(lines.slice(at + 1, end).join(""), "base64"));
        at = end;
      }
      seen[word] = {
        piece,
        offset,
        waiting,
        ended: ended === 1,
        last: ended === 2,
        behind: rest[4] === "behind",
        bytes,
      };
    }
  }
  if (state === undefined) throw broken(text);
  const nothing: Seen = {
    ...{ piece: 0, offset: 0, waiting: 0, bytes: undefined },
    ...{ ended: false, last: false, behind: false },
  };
  if (state !== "unknown" && (seen.o === undefined || seen.e === undefined)) throw broken(text);
  return { state, status, record, waitedMs, lost, stdout: seen.o ?? nothing, stderr: seen.e ?? nothing };
}

/** As `parsePoll`, of words with an empty line behind them, and then the bytes of the streams that say so, stdout's first. */
export function parsePollWithBytes(answer: Buffer): Poll {
  const end = answer.indexOf("\n\n") + 2;
  const poll = parsePoll(answer.subarray(0, end).toString("latin1"));
  let at = end;
  const withBytes = (seen: Seen): Seen => {
    if (!seen.behind) return seen;
    const bytes = new Uint8Array(answer.subarray(at, at + seen.waiting));
    at += seen.waiting;
    return { ...seen, bytes };
  };
  const stdout = withBytes(poll.stdout);
  const stderr = withBytes(poll.stderr);
  if (at !== answer.length) throw broken(answer.subarray(0, end).toString("latin1"));
  return { ...poll, stdout, stderr };
}

function broken(text: string): GlueError {
  return new GlueError(
    "internal",
    `The sandbox answered what nobody understands: ${JSON.stringify(text.slice(0, 200))}`,
  );
}
