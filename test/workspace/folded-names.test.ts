import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { foldingGroups, mergedNames } from "../../workspace/folded-names.ts";
import { tempDir } from "../support/temp-dir.ts";

test("names that some file system would merge are found in every folder, and no others", () => {
  expect(foldingGroups(["a", "b/c", "b/C.txt", "b.c", "A1"])).toEqual([]);
  expect(foldingGroups(["README", "readme"])).toEqual([["README", "readme"]]);
  expect(foldingGroups(["d/x", "D/y", "D/x"])).toEqual([["D", "d"]]);
  expect(foldingGroups(["\u00e9.txt", "e\u0301.txt"])).toEqual([["e\u0301.txt", "\u00e9.txt"]]);
  expect(foldingGroups(["stra\u00dfe", "STRASSE"])).toEqual([["STRASSE", "stra\u00dfe"]]);
  expect(foldingGroups(["name", "name.", "other"])).toEqual([["name", "name."]]);
});

test("whether they are merged is asked of the file system, and nothing stays of the question", () => {
  const top = tempDir();
  expect(mergedNames(top, ["README", "readme", "d/a", "d/A"])).toBeUndefined();
  expect(readdirSync(top)).toEqual([]);
});
