import { GlueError } from "../spec/glue-error.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** What a timer of the platform can hold: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Milliseconds of `90s`, `500ms`, `1h30m`. A number without a unit is refused: programs disagree whether it means seconds.
 * `flag` is named in the `usage` error.
 */
export function parseDuration(text: string, flag: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) {
    const hint = /^\d+$/.test(text) ? `Write ${text}s for seconds.` : "For instance 500ms, 90s, 5m, 1h30m.";
    throw new GlueError("usage", `${flag} ${text}: expected a number with a unit (ms, s, m, h, d).`, { hint });
  }
  let total = 0;
  for (const [, amount, unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    total += Number(amount) * (UNITS[unit] ?? 0);
  if (total < 1 || total > LONGEST_MS) {
    throw new GlueError("usage", `${flag} ${text}: expected something between 1ms and 24d.`);
  }
  return Math.round(total);
}
