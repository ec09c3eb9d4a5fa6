import { expect, test } from "bun:test";
import type { Owner } from "../../../runtimes/contract.ts";
import { labelsOf, readLabels } from "../../../runtimes/docker/labels.ts";

const owner: Owner = { kind: "open", host: "h-1", boot: "b-2", pid: 4242, pidStart: "99887766" };

test("what is written is read again", () => {
  const labels = labelsOf("s1", "direct", owner, ["/workspace", "/repo/.git"]);
  expect(readLabels(labels)).toEqual({
    sessionId: "s1",
    mode: "direct",
    kept: false,
    owner,
    treeFolders: ["/workspace", "/repo/.git"],
  });
  expect(readLabels(labelsOf("s1", "copy", owner, [], true))).toMatchObject({ kept: true });
});

test("every label has glue's own prefix", () => {
  for (const name of Object.keys(labelsOf("s1", "copy", owner, []))) expect(name).toStartWith("dev.glue.");
});

test.each([
  ["no labels at all", undefined],
  ["null, as the engine writes none", null],
  ["another program's", { "com.example": "1" }],
  ["a session without the mark", { "dev.glue.session": "s1" }],
  ["the mark without a session", { "dev.glue.format": "1" }],
])("%s are nobody's of glue", (_, labels) => {
  expect(readLabels(labels as Record<string, string> | null | undefined)).toBeUndefined();
});

test.each([
  ["owner.kind", undefined],
  ["owner.kind", "somebody"],
  ["owner.host", undefined],
  ["owner.boot", ""],
  ["owner.pid", "0"],
  ["owner.pid", "12x"],
  ["owner.pid", undefined],
  ["owner.pid-start", undefined],
  ["format", "2"],
])("with %s as %p nothing is proven of its owner", (name, value) => {
  const labels: Record<string, string> = { ...labelsOf("s1", "copy", owner, []) };
  if (value === undefined) delete labels[`dev.glue.${name}`];
  else labels[`dev.glue.${name}`] = value;
  expect(readLabels(labels)).toMatchObject({ sessionId: "s1", owner: undefined });
});

test("a list of folders that glue did not write is not trusted", () => {
  const labels = { ...labelsOf("s1", "direct", owner, []), "dev.glue.tree": '["relative", 7, "/ok"]' };
  expect(readLabels(labels)?.treeFolders).toEqual(["/ok"]);
  expect(readLabels({ ...labels, "dev.glue.tree": "{" })?.treeFolders).toEqual([]);
});
