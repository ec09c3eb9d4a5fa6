import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { homeAt, openHome } from "../../session/home.ts";
import { newSessionId } from "../../session/id.ts";
import { machineFacts } from "../../session/owner.ts";
import { readMeta } from "../../session/read-meta.ts";
import { recordIntent, recordState } from "../../session/record.ts";
import { makeSessionFolder, sessionFolder } from "../../session/store.ts";
import { testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { freshHome, metaOf, surroundings } from "./support.ts";

test("GLUE_HOME is the home; without it, or with an empty one, .glue in HOME is", () => {
  expect(homeAt({ GLUE_HOME: "/x/y", HOME: "/h" }).root).toBe("/x/y");
  expect(homeAt({ GLUE_HOME: "", HOME: "/h" }).root).toBe("/h/.glue");
  expect(homeAt({ HOME: "/h" }).sessions).toBe("/h/.glue/sessions");
});

test("a new home and what is in it belong to the user alone", () => {
  const home = openHome({ GLUE_HOME: join(tempDir(), "deep", "home") });
  for (const path of [home.root, home.sessions, home.cache]) expect(statSync(path).mode & 0o777).toBe(0o700);
  const around = surroundings(home);
  const folder = makeSessionFolder(home);
  recordIntent(around, folder, metaOf(folder.id, { state: "intended" }));
  expect(statSync(folder.path).mode & 0o777).toBe(0o700);
  expect(statSync(folder.meta).mode & 0o777).toBe(0o600);
});

test("a home that is a file is refused with what is wrong", () => {
  const path = join(tempDir(), "file");
  writeFileSync(path, "");
  expect(() => openHome({ GLUE_HOME: path })).toThrow(/glue cannot write .*file/);
  expect(() => openHome({ GLUE_HOME: join(path, "below") })).toThrow(/a part of the path is not a folder/);
});

testNeeding(["root", "linux"], "a home on a file system that is full or read-only is refused as such", () => {
  const mount = tempDir();
  const run = (...argv: string[]) => {
    const child = Bun.spawnSync(argv);
    if (!child.success) throw new Error(`${argv.join(" ")}: ${child.stderr}`);
  };
  run("mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", mount);
  try {
    const home = openHome({ GLUE_HOME: mount });
    const around = surroundings(home);
    const folder = makeSessionFolder(home);
    const meta = recordIntent(around, folder, metaOf(folder.id, { state: "intended" }));
    fill(join(mount, "ballast"));
    expect(() => recordState(around, folder, meta, "open", { note: "x".repeat(8_000) })).toThrow(/the disk is full/);
    // What was there is still whole, and the next glue reads it.
    expect(readMeta(sessionFolder(home, folder.id)).state).toBe("intended");
    run("mount", "-o", "remount,ro", mount);
    expect(() => makeSessionFolder(home)).toThrow(/the file system is read-only/);
    expect(() => openHome({ GLUE_HOME: join(mount, "other") })).toThrow(/the file system is read-only/);
  } finally {
    run("umount", mount);
  }
});

function fill(path: string): void {
  try {
    for (;;) writeFileSync(path, "x".repeat(4096), { flag: "a" });
  } catch {
    // Full, as wanted.
  }
}

testNeeding(["not-root"], "a home without write permission is refused as such", () => {
  const parent = tempDir();
  mkdirSync(join(parent, "home"), { mode: 0o500 });
  expect(() => openHome({ GLUE_HOME: join(parent, "home") })).toThrow(/permission denied/);
  chmodSync(join(parent, "home"), 0o700);
});

test("this machine has an id that stays, a boot, and processes with a start time", () => {
  const home = freshHome();
  const [first, second] = [machineFacts(home.root), machineFacts(home.root)];
  expect(first.host).toBe(second.host);
  expect(first.host.length).toBeGreaterThan(20);
  expect(first.boot).not.toBe("");
  expect(first.startOf(process.pid)).toBe(second.startOf(process.pid) as string);
  expect(first.startOf(2 ** 22 + 5)).toBe("gone");
  expect(newSessionId()).not.toBe(newSessionId());
});
