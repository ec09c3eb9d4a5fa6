import { expect, test } from "bun:test";
import { parseDuration } from "../../cmd/duration.ts";

test.each([
  ["90s", 90_000],
  ["500ms", 500],
  ["1h30m", 5_400_000],
  ["1.5s", 1_500],
  ["2d", 172_800_000],
])("%s is %d ms", (text, ms) => expect(parseDuration(text, "--timeout")).toBe(ms));

test.each(["90", "", "s", "-1s", "1w", "1 s", "0s", "99d", "1s2"])("%p is refused", (text) => {
  expect(() => parseDuration(text, "--timeout")).toThrow(/^--timeout .*expected/);
});
