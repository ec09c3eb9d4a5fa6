import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expandPattern } from "../../session/copy-glob.ts";
import { ARCHIVE_END, archiveHeader, archivePadding } from "../../workspace/archive.ts";
import { freshHome } from "../session/support.ts";
import { glue, startGlue, until } from "../support/glue.ts";
import { expectSchema } from "../support/json-schema.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A session on a copy of a small tree on the host, and a folder beside it. */
async function opened(...flags: string[]) {
  const [home, cwd, beside] = [freshHome(), realpathSync(tempDir()), realpathSync(tempDir())];
  mkdirSync(join(cwd, "dir"));
  for (const name of ["one.txt", "two.txt", "dir/three.txt", "dir/.hidden"]) writeFileSync(join(cwd, name), name);
  const { stdout } = await glue(home, ["session", "start", "-q", "-r", "host", ...flags], { cwd });
  const id = stdout.trim();
  const cp = (args: string[], env: Record<string, string> = {}) => glue(home, ["cp", ...args], { cwd: beside, env });
  const close = () => glue(home, ["session", "rm", "--force", id], { cwd });
  return { home, cwd, beside, id, cp, close, inside: join(home.sessions, id, "workspace") };
}

function makeFile(folder: string, name: string): string {
  const path = join(folder, name);
  writeFileSync(path, "");
  return path;
}

describe("glue cp", () => {
  test("puts things where cp would: into a folder, under a name, what is in a folder, by wildcards", async () => {
    const { id, cp, beside, inside, close } = await opened("--copy");
    expect(await cp([`${id}:one.txt`, "renamed"])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "Copied 1 file, 7 bytes, verified.\n",
    });
    expect(readFileSync(join(beside, "renamed"), "utf8")).toBe("one.txt");
    await cp([`${id}:dir`, "."]);
    await cp([`${id}:dir/.`, "contents"]);
    await cp([`${id}:dir`, "named"]);
    await cp([`${id}:*.txt`, `${id}:dir/*`, "new/"]);
    const names = (folder: string) => readdirSync(join(beside, folder)).sort();
    expect(["dir", "contents", "named"].map(names)).toEqual(Array(3).fill([".hidden", "three.txt"]));
    expect(names("new")).toEqual(["one.txt", "three.txt", "two.txt"]);
    const flat = await cp(["new/*", "renamed", `${id}:flat/`, "--json"]);
    expect([flat.code, flat.stderr]).toEqual([0, ""]);
    expectSchema(JSON.parse(flat.stdout), "cp");
    expect(readdirSync(join(inside, "flat")).sort()).toEqual(["one.txt", "renamed", "three.txt", "two.txt"]);
    expect(await cp([`${id}:one.txt`, "-"])).toMatchObject({ code: 0, stdout: "one.txt" });
    await close();
  }, 120_000);

  test("says in one clear error what is wrong, and copies nothing", async () => {
    const { id, cp, beside, close } = await opened("--copy");
    for (const [args, code, message] of [
      [["a"], 2, "SRC or DST is missing."],
      [["a", "b"], 2, "Neither side is in a sandbox."],
      [[`${id}:a`, `${id}:b`], 2, "Both sides are in a sandbox."],
      [["a", `${id}:b`, "c"], 2, "All sources have to be in one place."],
      [["-", "a", `${id}:b`], 2, "- stands for one file"],
      [["a", "nope:b"], 2, "There is no session nope."],
      [[`${id}:none`, "."], 1, "There is no "],
      [[`${id}:no*pe`, "."], 1, "Nothing matches "],
      [[`${id}:one.txt`, `${id}:two.txt`.replace(id, id), "not-there"], 1, "not-there is not a directory"],
      [["missing", `${id}:x`], 1, "missing."],
      [[`${id}:/etc/hostname`, "."], 1, "lies outside the session's tree"],
      [[`${id}:../meta.json`, "."], 1, "lies outside the session's tree"],
    ] as const) {
      const ran = await cp([...args]);
      expect([
        args,
        ran.code,
        ran.stdout,
        ran.stderr.split("\n").filter((line) => line.startsWith("error:")).length,
      ]).toEqual([args, code, "", 1]);
      expect(ran.stderr).toContain(message);
    }
    expect(readdirSync(beside)).toEqual([]);
    await close();
  }, 120_000);

  test("stays in the tree on the host, through links too, unless it is allowed to leave", async () => {
    const { id, cp, beside, inside, close } = await opened("--copy");
    const outside = realpathSync(tempDir());
    writeFileSync(join(outside, "secret"), "s");
    symlinkSync(outside, join(inside, "way-out"));
    writeFileSync(join(beside, "mine"), "m");
    for (const args of [
      [`${id}:way-out/secret`, "."],
      ["mine", `${id}:way-out/`],
      ["mine", `${id}:way-out/new/file`],
    ]) {
      expect(await cp(args)).toMatchObject({ code: 1, stderr: expect.stringContaining("lies outside") });
    }
    expect(readdirSync(outside)).toEqual(["secret"]);
    expect((await cp([`${id}:way-out/secret`, ".", "--allow-outside"])).code).toBe(0);
    expect(readFileSync(join(beside, "secret"), "utf8")).toBe("s");
    await close();
  }, 120_000);

  test("never copies a file onto itself: on your own files there is nothing to copy", async () => {
    const { id, cp, cwd, close } = await opened();
    for (const args of [
      [join(cwd, "dir"), `${id}:.`],
      [join(cwd, "one.txt"), `${id}:one.txt`],
      [`${id}:dir/three.txt`, join(cwd, "dir")],
    ]) {
      expect(await cp(args)).toMatchObject({ code: 2, stderr: expect.stringContaining("are one place") });
    }
    expect(readFileSync(join(cwd, "dir", "three.txt"), "utf8")).toBe("dir/three.txt");
    expect((await cp([`${id}:dir`, "here"])).code).toBe(0);
    await close();
  }, 120_000);

  test("leaves nothing half done when it is interrupted, in or out", async () => {
    const { id, home, beside, inside, close } = await opened("--copy");
    truncateSync(makeFile(beside, "huge"), 3_000_000_000);
    truncateSync(makeFile(inside, "large"), 3_000_000_000);
    const before = [readdirSync(beside), readdirSync(inside)];
    for (const [args, folder] of [
      [["huge", `${id}:in`], inside],
      [[`${id}:large`, "out"], beside],
    ] as const) {
      const child = startGlue(home, ["cp", ...args], { cwd: beside });
      const there = readdirSync(folder).length;
      await until("it has begun", () => readdirSync(folder).length > there, 60_000);
      child.kill("SIGINT");
      expect(await child.exited).toBe(130);
      expect([readdirSync(beside), readdirSync(inside)]).toEqual(before);
    }
    await close();
  }, 120_000);

  test("writes nothing outside the destination, whatever a sandbox sends", async () => {
    const { id, cp, beside, close } = await opened("--copy");
    const elsewhere = realpathSync(tempDir());
    mkdirSync(join(beside, "to"));
    symlinkSync(elsewhere, join(beside, "to", "mine"));
    const bytes = (text: string) => new TextEncoder().encode(text);
    const file = (path: string, text: string) => [
      archiveHeader({ path: bytes(path), kind: "file", size: text.length, mode: 0o4755 }),
      bytes(text),
      archivePadding(text.length),
    ];
    const link = (path: string, target: string) => [
      archiveHeader({ path: bytes(path), kind: "symlink", size: target.length }, bytes(target)),
    ];
    const folder = (path: string) => [archiveHeader({ path: bytes(path), kind: "folder", size: 0 })];
    for (const [parts, code, message] of [
      [[folder("./dir"), file("./dir/../evil", "x")], 1, "leads elsewhere"],
      [[file("/tmp/evil", "x")], 1, "leads elsewhere"],
      [[file("other/evil", "x")], 1, "leads elsewhere"],
      [[folder("./dir"), link("./dir/l", elsewhere), file("./dir/l/evil", "x")], 1, "not a directory"],
      [[folder("./dir"), file("./dir/mine/evil", "x")], 1, "not a directory"],
      [[folder("./dir"), file("./dir/mine", "x")], 1, "cannot be compared"],
    ] as const) {
      const tools = tempDir();
      writeFileSync(join(tools, "archive"), Buffer.concat([...parts.flat(), ARCHIVE_END]));
      writeFileSync(join(tools, "tar"), `#!/bin/sh\nexec cat '${tools}/archive'\n`);
      chmodSync(join(tools, "tar"), 0o755);
      const ran = await cp([`${id}:dir/.`, "to"], { PATH: `${tools}:${process.env.PATH}` });
      expect([ran.code, ran.stderr]).toEqual([code, expect.stringContaining(message)]);
      expect(readdirSync(elsewhere)).toEqual([]);
      expect(existsSync(join(beside, "evil"))).toBe(false);
    }
    // A link in the way of a file is replaced by it, and a set-user-ID bit does not come along.
    expect(statSync(join(beside, "to", "mine")).mode & 0o7777).toBe(0o755);
    await close();
  }, 120_000);
});

describe("wildcards", () => {
  const tree = { "/": ["a", "b", ".c"], "/a": ["x.ts", "y.ts", ".z.ts", "x*"], "/b": ["x.ts"] } as Record<
    string,
    string[]
  >;
  const paths = new Set(Object.entries(tree).flatMap(([folder, names]) => names.map((name) => join(folder, name))));
  const fake = { exists: async (path: string) => paths.has(path), list: async (path: string) => tree[path] ?? [] };
  test.each([
    ["/a/*.ts", ["/a/x.ts", "/a/y.ts"]],
    ["/a/.*.ts", ["/a/.z.ts"]],
    ["/*/x.ts", ["/a/x.ts", "/b/x.ts"]],
    ["/?/[xy].ts", ["/a/x.ts", "/a/y.ts", "/b/x.ts"]],
    ["/a/{x,y}.ts", ["/a/x.ts", "/a/y.ts"]],
    ["/a/x*", ["/a/x*"]],
    ["/b", ["/b"]],
  ])("%p stands for %p", async (pattern, expected) => {
    expect(await expandPattern(fake, pattern)).toEqual(expected);
  });
  test.each(["/c", "/a/*.js", "/*/none"])("%p stands for nothing, and that is an error", async (pattern) => {
    await expect(expandPattern(fake, pattern)).rejects.toMatchObject({ code: "fileNotFound" });
  });
});
