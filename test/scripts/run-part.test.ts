import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../../scripts/build/compile.ts";
import { MOST_FILES, passingAlone } from "../../scripts/test/again.ts";
import type { Part } from "../../scripts/test/parts.ts";
import { runPart } from "../../scripts/test/run-part.ts";
import { tempDir } from "../support/needs.ts";

/** Gives `use` a part made of these files. They stand in the checkout, where bun test looks for tests. */
async function withPart<T>(files: Record<string, string>, use: (part: Part) => Promise<T>): Promise<T> {
  mkdirSync(join(ROOT, "test", ".made"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "test", ".made", "part-"));
  try {
    for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
    return await use({ name: "made", folders: [relative(ROOT, folder)], testTimeoutMs: 5_000, limitMinutes: 1 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const partOf = (files: Record<string, string>) => withPart(files, (part) => runPart(part, tempDir(), [], "ignore"));

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

test("of what failed, that which passes alone is told from that which does not", async () => {
  const mark = JSON.stringify(join(tempDir(), "been"));
  const once = `import { existsSync, writeFileSync } from "node:fs";
    test("fails once", () => { const been = existsSync(${mark}); writeFileSync(${mark}, ""); if (!been) throw new Error("once"); });`;
  const always = `test("fails always", () => { throw new Error("always"); });`;
  await withPart({ "a.test.ts": `${PASSES} ${once} ${always}` }, async (part) => {
    const { cases } = await runPart(part, tempDir(), [], "ignore");
    const failed = cases.filter(({ result }) => result === "failed");
    expect(failed.map(({ title }) => title)).toEqual(["fails once", "fails always"]);
    const passing = await passingAlone(new Map([[part, failed]]), tempDir(), "ignore");
    expect([...passing].map(({ title }) => title)).toEqual(["fails once"]);
  });
});

test("where many files fail, nothing is tried again", async () => {
  const failed = Array.from({ length: MOST_FILES + 1 }, (_, n) => ({
    ...{ file: `test/none/${n}.test.ts`, title: "fails", result: "failed" as const },
  }));
  const part = { name: "made", folders: ["test/none"], testTimeoutMs: 5_000, limitMinutes: 1 };
  expect((await passingAlone(new Map([[part, failed]]), tempDir(), "ignore")).size).toBe(0);
});
