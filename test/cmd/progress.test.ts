import { expect, test } from "bun:test";
import { createProgress, duration } from "../../cmd/progress.ts";

/** A renderer for lines, with a clock that the test steps. */
function lines() {
  const printed: string[] = [];
  let time = 0;
  const progress = createProgress({
    write: (text) => printed.push(text),
    interactive: false,
    columns: () => 80,
    now: () => time,
    tickMs: 5,
  });
  const at = async (ms: number) => {
    time = ms;
    await Bun.sleep(30);
  };
  return { printed, progress, at };
}

test("where lines cannot be redrawn, long work is told once, then now and then, and when it is done", async () => {
  const { printed, progress, at } = lines();
  progress.report({ what: "Pulling x", done: 0, total: 4, unit: "steps" });
  await at(1_900);
  expect(printed).toEqual([]);
  progress.report({ what: "Pulling x", done: 1, total: 4, unit: "steps" });
  await at(2_100);
  await at(9_000);
  await at(18_000);
  progress.finish();
  expect(printed).toEqual([
    "Pulling x  1 of 4 steps  2 s\n",
    "Pulling x  1 of 4 steps  18 s\n",
    "Pulling x  1 of 4 steps  18 s, done\n",
  ]);
});

test.each([
  [900, "0 s"],
  [8_400, "8 s"],
  [125_000, "2 min 5 s"],
  [3_720_000, "1 h 2 min"],
])("%d ms are %s", (ms, text) => expect(duration(ms)).toBe(text));
