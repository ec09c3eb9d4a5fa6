import { expect, test } from "bun:test";
import { safetyLine } from "../../cmd/safety.ts";
import type { Session } from "../../session/session.ts";

const NOW = Date.parse("2026-01-01T12:00:00Z");

/** What the line is made of. */
interface Facts {
  readonly checkpoint?: string;
  readonly seconds?: number;
  readonly mode?: "copy" | "direct";
  readonly deadline?: string;
}

function lineFor({ checkpoint, seconds = 60, mode = "copy", deadline }: Facts): string | undefined {
  const session: unknown = {
    now: () => NOW,
    options: { checkpoint_seconds: seconds },
    meta: { mode, ...(checkpoint === undefined ? {} : { checkpoint: { status: "captured", at: checkpoint } }) },
    runtime: deadline === undefined ? {} : { deadline: new Date(deadline) },
  };
  return safetyLine(session as Session);
}

const LINES: readonly [string, Facts, string | undefined][] = [
  [
    "its last checkpoint and its deadline",
    { checkpoint: "2026-01-01T11:59:20Z", deadline: "2026-01-01T12:20:00Z" },
    "Last checkpoint 40 s ago; the sandbox ends by itself in 20 min 0 s.",
  ],
  ["that none was made yet", {}, "A checkpoint every 60 s while something runs."],
  ["that none will be made", { seconds: 0 }, "No checkpoints (checkpoint_seconds is 0)."],
  ["nothing of a session on the user's own files", { mode: "direct" }, undefined],
];

for (const [what, facts, line] of LINES)
  test(`a session that is started says ${what}`, () => expect(lineFor(facts)).toBe(line as string));
