import { GlueError } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import { cliError, failureOf } from "./cli-errors.ts";
import { firstMark } from "./marks-in.ts";
import type { Place } from "./place.ts";
import { killServiceSession } from "./service-session.ts";

/** An answer whose length nothing bounds: it lies in a file of the sprite, and is fetched in pieces. */
export interface LongAnswer {
  readonly code: number;
  readonly stderr: string;
  readonly size: number;
  readonly sha256: string;
  /** The beginning; all of it where `file` is undefined. */
  readonly head: Buffer;
  readonly file: string | undefined;
}

export interface ToolCall {
  readonly stdin?: Uint8Array;
  /**
   * The tool sees to it that nothing is done twice when it is run again after a connection was lost; so none of an earlier try may still be
   * running then. Left out: to run it again, even beside itself, does no harm.
   */
  readonly once?: boolean;
  readonly deadlineMs?: number;
}

/** Sent in one answer: well under the 512 KB from which on output has been seen to be lost (superfly/sprites-docs#202). */
export const PIECE_BYTES = 256 * 1024;
/** Tries of a call whose connection is lost or whose answer is damaged. */
const TRIES = 4;
/** How long a sprite that cannot be connected to is waited for: it may be waking up. */
const CONNECT_MS = 90_000;

/**
 * Runs a tool in the sprite; of a long answer only the beginning comes. A connection that cannot be made is tried again for a while, a lost or
 * damaged answer a few times. Throws `runtimeUnreachable`, `sandboxGone`, `authFailed`.
 */
export async function startAnswer(
  cli: SpriteCli,
  place: Place,
  argv: readonly string[],
  call: ToolCall = {},
): Promise<LongAnswer> {
  const connectUntil = performance.now() + CONNECT_MS;
  let wait = 200;
  for (let tries = 1; ; ) {
    const token = crypto.randomUUID();
    const file = `${place.spool}/tool-${token}`;
    const words = ["sh", `${place.tools}/tool.sh`, token, file, String(PIECE_BYTES), ...argv];
    const { stdin, deadlineMs = 120_000, once = false } = call;
    const { code, stdout, stderr } = await cli.exec(place.name, words, {
      deadlineMs,
      ...(stdin === undefined ? {} : { stdin }),
    });
    const answer = parseAnswer(stdout, token, file);
    if (answer !== undefined) return answer;
    const failure = failureOf(stderr);
    const again =
      failure === "notStarted"
        ? performance.now() < connectUntil
        : (failure === "lost" || failure === "unknown") && ++tries <= TRIES;
    if (!again) throw toolError(place, code, stderr, failure === "lost" || failure === "unknown");
    if (once && failure !== "notStarted") await killServiceSession(cli, place, token);
    await Bun.sleep(wait);
    wait = Math.min(wait * 2, 3_000);
  }
}

function toolError(place: Place, code: number, stderr: string, answerless: boolean): GlueError {
  if (answerless) {
    return new GlueError(
      "runtimeUnreachable",
      `The sprite ${place.name} did not answer whole (the sprite CLI ended with ${code}).`,
      {
        hint: "Try again.",
        retryable: true,
        cause: stderr,
      },
    );
  }
  return cliError(`The sprite ${place.name} cannot be reached`, stderr);
}

/** Undefined where the answer is not whole, or not what the sprite measured. */
function parseAnswer(stdout: Buffer, token: string, file: string): LongAnswer | undefined {
  const mark = firstMark(stdout, token);
  const [, code, size, sha256 = "", said] = /^head (\d+) (\d+) ([0-9a-f]{64}) (\d+)$/.exec(mark?.words ?? "") ?? [];
  if (mark === undefined || said === undefined) return undefined;
  const stderr = mark.rest.subarray(0, Number(said)).toString();
  const expected = Math.min(Number(size), PIECE_BYTES);
  const head = mark.rest.subarray(Number(said), Number(said) + expected);
  if (head.length !== expected) return undefined;
  const long = Number(size) > expected;
  if (!long && digest(head) !== sha256) return undefined;
  return { code: Number(code), stderr, size: Number(size), sha256, head, file: long ? file : undefined };
}

export function digest(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
