import { expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { holdsUnlandedChange, printMeta } from "../../session/meta.ts";
import { parseMeta } from "../../session/meta-schema.ts";
import { readBackup, readMeta } from "../../session/read-meta.ts";
import { recordIntent, recordState } from "../../session/record.ts";
import { makeSessionFolder, sessionFolder } from "../../session/store.ts";
import { freshHome, metaOf, ROOT, surroundings } from "./support.ts";

test("what is written is read back", () => {
  const meta = metaOf("abc-1", { deadline: "2026-11-22T11:00:00.000Z", note: "a note", kept: true });
  expect(parseMeta(printMeta(meta), "abc-1")).toEqual(meta);
});

test("fields that this version does not know survive", () => {
  const text = JSON.stringify({ ...metaOf("abc-1"), later: { a: 1 } });
  expect(parseMeta(text, "abc-1")).toMatchObject({ later: { a: 1 } });
});

const damaged: [string, string][] = [
  ["an empty file", ""],
  ["a torn file", printMeta(metaOf("abc-1")).slice(0, 200)],
  ["zeros, as a file system leaves them after a crash", "\0".repeat(300)],
  ["JSON of something else", "[1, 2]"],
  ["the record of another session", printMeta(metaOf("abc-2"))],
  ["a state that does not exist", printMeta(metaOf("abc-1")).replace('"open",', '"opened",')],
  ["an owner without a pid", printMeta(metaOf("abc-1")).replace(/"pid": \d+,/, "")],
  ["a pid that would mean a whole group", printMeta(metaOf("abc-1")).replace(/"pid": \d+,/, '"pid": -1,')],
  ["a time that is none", printMeta(metaOf("abc-1")).replaceAll("2026-11-22T10:00:00.000Z", "today")],
];
for (const [title, text] of damaged) {
  test(`${title} is reported as damaged and never believed`, () =>
    expect(() => parseMeta(text, "abc-1")).toThrow(/The record of session abc-1 .* is damaged/));
}

test("a record of a newer format is refused with the version to install", () => {
  const text = JSON.stringify({ ...metaOf("abc-1"), formatVersion: 2, glueVersion: "9.8.7", state: "hibernating" });
  expect(() => parseMeta(text, "abc-1")).toThrow(/written by glue 9\.8\.7 in a format \(2\)/);
  try {
    parseMeta(text, "abc-1");
  } catch (error) {
    expect(error).toMatchObject({ code: "versionTooOld", hint: "Install glue 9.8.7 or newer." });
  }
});

test("the version before the current one stays, and the current one is replaced whole", () => {
  const home = freshHome();
  const around = surroundings(home);
  const folder = makeSessionFolder(home);
  const first = recordIntent(around, folder, metaOf(folder.id, { state: "intended" }));
  expect(readBackup(folder)).toBeUndefined();
  recordState(around, folder, first, "open");
  expect(readMeta(folder).state).toBe("open");
  expect(readBackup(folder)?.state).toBe("intended");
  truncateSync(folder.meta, 100);
  expect(() => readMeta(folder)).toThrow(/damaged/);
  expect(readBackup(folder)?.state).toBe("intended");
});

test("a reader never sees a half-written record, whatever the writer does meanwhile", async () => {
  const home = freshHome();
  const around = surroundings(home);
  const folder = makeSessionFolder(home);
  const meta = recordIntent(around, folder, metaOf(folder.id, { state: "intended" }));
  const stop = join(home.root, "stop");
  const script = `
    const { existsSync } = await import("node:fs");
    const { readMeta } = await import(${JSON.stringify(join(ROOT, "session/read-meta.ts"))});
    const { sessionFolder } = await import(${JSON.stringify(join(ROOT, "session/store.ts"))});
    const folder = sessionFolder({ sessions: ${JSON.stringify(home.sessions)} }, ${JSON.stringify(folder.id)});
    console.log("ready");
    let reads = 0;
    for (; !existsSync(${JSON.stringify(stop)}); reads++) readMeta(folder);
    console.log(reads);`;
  const reader = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const output = reader.stdout.getReader();
  await output.read();
  for (let writes = 0; writes < 150; writes++) {
    recordState(around, folder, meta, "closing", { note: "x".repeat((writes * 37) % 5_000) });
  }
  writeFileSync(stop, "");
  expect(await reader.exited).toBe(0);
  expect(Number(new TextDecoder().decode((await output.read()).value))).toBeGreaterThan(10);
});

test("a missing record is no session", () => {
  const home = freshHome();
  expect(() => readMeta(sessionFolder(home, "abc-1"))).toThrow(/There is no session abc-1/);
});

test("a captured change counts as unlanded until it is landed, and again when more is captured", () => {
  const captured = (at: string) => ({ status: "captured" as const, at });
  const [ten, eleven] = ["2026-11-22T10:00:00.000Z", "2026-11-22T11:00:00.000Z"];
  expect(holdsUnlandedChange(metaOf("a"))).toBe(false);
  expect(holdsUnlandedChange(metaOf("a", { capture: { status: "nothing", at: ten } }))).toBe(false);
  expect(holdsUnlandedChange(metaOf("a", { capture: captured(ten) }))).toBe(true);
  expect(holdsUnlandedChange(metaOf("a", { capture: captured(ten), landedAt: eleven }))).toBe(false);
  expect(holdsUnlandedChange(metaOf("a", { capture: captured(eleven), landedAt: ten }))).toBe(true);
});
