import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../../scripts/build/compile.ts";
import { runPart } from "../../scripts/test/run-part.ts";
import { tempDir } from "../support/needs.ts";

/** Runs a part made of these files. They stand in the checkout, where bun test looks for tests. */
async function partOf(files: Record<string, string>) {
  mkdirSync(join(ROOT, "test", ".made"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "test", ".made", "part-"));
  try {
    for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
    return await runPart(
      { name: "made", folders: [relative(ROOT, folder)], testTimeoutMs: 5_000, limitMinutes: 1 },
      tempDir(),
      [],
      "ignore",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const PASSES = `import { test } from "bun:test"; test("passes", () => {});`;

test("a part whose tests pass has no problem", async () => {
  const { cases, problems } = await partOf({ "a.test.ts": PASSES });
  expect(cases.map(({ title, result }) => ({ title, result }))).toEqual([{ title: "passes", result: "passed" }]);
  expect(problems).toEqual([]);
});

test("code that ends the process with 0 in mid-run is a problem, not a pass", async () => {
  const { problems } = await partOf({ "a.test.ts": `${PASSES} test("ends it all", () => process.exit(0));` });
  expect(problems).toEqual(["died without a report (exit status 0)"]);
});

test("a file that cannot be loaded is named", async () => {
  const { cases, problems } = await partOf({ "a.test.ts": PASSES, "b.test.ts": 'import "./not-there.ts";' });
  expect(cases).toHaveLength(1);
  expect(problems).toEqual([expect.stringMatching(/b\.test\.ts could not be loaded/)]);
});

test("a file without a test is named", async () => {
  const { problems } = await partOf({ "a.test.ts": PASSES, "b.test.ts": "export {};" });
  expect(problems).toEqual([expect.stringMatching(/b\.test\.ts could not be loaded or holds no test/)]);
});
