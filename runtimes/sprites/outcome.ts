import { type ExitRecord, parseExitRecord } from "../common/exit-record.ts";
import { GlueError, isGlueError, type SandboxDeath } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import type { Place } from "./place.ts";
import { runTool } from "./tool.ts";

/** How a command ended, and how many bytes of output it wrote and were kept of them. */
export interface Outcome {
  readonly record: ExitRecord;
  /** Undefined where nobody counted. */
  readonly counts: Counts | undefined;
}

export interface Counts {
  readonly out: Count;
  readonly err: Count;
}

export interface Count {
  readonly total: number;
  /** The first bytes of it that lie in the spool. */
  readonly kept: number;
}

/** What a look at a command's files says. `none`: there is nothing of it. */
export type Seen = Outcome | "alive" | "dead" | "none";

/** Prints what is known of the command whose files begin with $1. */
const LOOK = `if read -r record 2>/dev/null <"$1.exit"; then
echo "record $record"
read -r count 2>/dev/null <"$1.count" && echo "count $count"
exit
fi
if read -r pid start sid sidstart launcher rest 2>/dev/null <"$1.pid"; then
[ -d "/proc/$launcher" ] && echo alive || echo dead
exit
fi
[ -e "$1.o" ] && echo alive || echo none`;

const COUNTS = /^(\d+) (\d+) (\d+) (\d+)/;

/** Counts as the wrapper prints them: bytes and kept bytes of stdout, then of stderr. */
export function parseCounts(text: string): Counts | undefined {
  const match = COUNTS.exec(text);
  if (match === null) return undefined;
  const [, out = 0, outKept = 0, err = 0, errKept = 0] = match.map(Number);
  return { out: { total: out, kept: outKept }, err: { total: err, kept: errKept } };
}

export async function look(cli: SpriteCli, place: Place, commandId: string): Promise<Seen> {
  const { stdout } = await runTool(cli, place, ["sh", "-c", LOOK, "glue", `${place.spool}/${commandId}`]);
  const lines = stdout.toString().split("\n");
  const find = (word: string) => lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  const told = find("record");
  const record = told === undefined ? undefined : parseExitRecord(told);
  if (record !== undefined) return { record, counts: parseCounts(find("count") ?? "") };
  return lines.includes("alive") ? "alive" : lines.includes("none") ? "none" : "dead";
}

/** How often a record without its counts is looked at again: what writes them may have a moment's work left. */
const LOOKS_FOR_COUNTS = 10;

/**
 * How a command ended whose connection broke off: from its record in the sprite, waited for as long as its launcher lives. Throws
 * `outcomeUnknown` where nobody can say any more; `onDeath` hears of a sprite that is gone.
 */
export async function findOutcome(
  cli: SpriteCli,
  place: Place,
  commandId: string,
  onDeath: (death: SandboxDeath) => void,
): Promise<Outcome> {
  let deadLooks = 0;
  let countLooks = 0;
  for (let wait = 50; ; wait = Math.min(wait * 2, 2_000)) {
    let seen: Seen;
    try {
      seen = await look(cli, place, commandId);
    } catch (error) {
      if (isGlueError(error, "sandboxGone"))
        onDeath({ reason: `The sprite ${place.name} no longer exists.`, final: true });
      throw unknown(error instanceof Error ? error.message : String(error), error);
    }
    if (typeof seen === "object" && (seen.counts !== undefined || ++countLooks > LOOKS_FOR_COUNTS)) return seen;
    // A launcher that has just ended may have written its record after we looked.
    if ((seen === "dead" || seen === "none") && ++deadLooks > 2)
      throw unknown("What watched over it in the sprite was ended.");
    await Bun.sleep(wait);
  }
}

export function unknown(why: string, cause?: unknown): GlueError {
  return new GlueError("outcomeUnknown", `It is unknown how the command ended: the connection to it was lost. ${why}`, {
    hint: "Part of it may have happened. Look at the files before you repeat it.",
    cause,
  });
}
