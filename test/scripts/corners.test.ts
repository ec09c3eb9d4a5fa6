import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TOP = join(import.meta.dir, "../..");

test("every corner in the table of docs/bootstrap.md has a test of that name, and every such test a row", () => {
  const page = readFileSync(join(TOP, "docs/bootstrap.md"), "utf8");
  const section = page.split("\n## ").find((part) => part.startsWith("Corners\n")) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  const corners = rows.slice(1).map((row) => row.split(" | ")[0]?.slice(2).replaceAll("`", "") ?? "");
  const folder = join(TOP, "test/roundtrip/corners");
  const tests = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
  const titles = tests.flatMap((name) =>
    [...readFileSync(join(folder, name), "utf8").matchAll(/^\s*(?:corner|slowCorner)\(\s*"([^"]+)"/gm)].map(
      ([, title = ""]) => title,
    ),
  );
  expect(corners.toSorted()).toEqual(titles.toSorted());
  expect(new Set(corners).size).toBe(corners.length);
});
