import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { moveAcross } from "../../../runtimes/host/move-across.ts";
import { HostWorkspace } from "../../../runtimes/host/workspace.ts";
import { tempDir, testNeeding } from "../../support/needs.ts";

const text = (value: string) => new TextEncoder().encode(value);

function open(): { root: string; workspace: HostWorkspace } {
  const root = tempDir();
  return { root, workspace: new HostWorkspace(root) };
}

describe("a file that is written on the host", () => {
  test("is written through links, to where they lead, whether anything is there or not", async () => {
    const { root, workspace } = open();
    mkdirSync(`${root}/real`);
    writeFileSync(`${root}/real/file`, "old", { mode: 0o640 });
    symlinkSync("real/file", `${root}/link`);
    symlinkSync(`${root}/link`, `${root}/link-to-link`);
    symlinkSync("real/new", `${root}/dangling`);
    await workspace.write("link-to-link", text("new"));
    await workspace.write("dangling", text("made"));
    expect(readFileSync(`${root}/real/file`, "utf8")).toBe("new");
    expect(lstatSync(`${root}/real/file`).mode & 0o777).toBe(0o640);
    expect(readFileSync(`${root}/real/new`, "utf8")).toBe("made");
    expect(readlinkSync(`${root}/link`)).toBe("real/file");
    expect(readdirSync(`${root}/real`).sort()).toEqual(["file", "new"]);
  });

  test("is refused where links go round in circles, and where no regular file is", async () => {
    const { root, workspace } = open();
    symlinkSync("b", `${root}/a`);
    symlinkSync("a", `${root}/b`);
    await expect(workspace.write("a", text("x"))).rejects.toMatchObject({ code: "ioFailed" });
    Bun.spawnSync(["mkfifo", `${root}/pipe`]);
    await expect(workspace.write("pipe", text("x"))).rejects.toMatchObject({ code: "ioFailed" });
    // Opening it would wait for a writer.
    await expect(workspace.read("pipe")).rejects.toMatchObject({ code: "ioFailed" });
    await expect(workspace.write("/dev/null", text("x"))).rejects.toMatchObject({ code: "ioFailed" });
    expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  testNeeding(["root"], "keeps its owner when root replaces it", async () => {
    const { root, workspace } = open();
    writeFileSync(`${root}/theirs`, "old");
    Bun.spawnSync(["chown", "65534:65534", `${root}/theirs`]);
    await workspace.write("theirs", text("new"));
    expect([lstatSync(`${root}/theirs`).uid, lstatSync(`${root}/theirs`).gid]).toEqual([65534, 65534]);
  });

  test("leaves nothing behind when its content cannot be had", async () => {
    const { root, workspace } = open();
    const broken = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(text("half")),
      pull: (controller) => controller.error(new Error("gone")),
    });
    await expect(workspace.upload("file", broken, { size: 100 })).rejects.toThrow();
    expect(readdirSync(root)).toEqual([]);
  });

  test("is found at a path that is a file's name only in part", async () => {
    const { workspace } = open();
    await workspace.write("file", text("x"));
    expect(await workspace.stat("file/below")).toBeUndefined();
    await workspace.remove("file/below");
    await expect(workspace.read("nul\0byte")).rejects.toMatchObject({ code: "optionInvalid" });
  });
});

test("a folder is moved onto another file system whole: links, modes and odd names", async () => {
  const [from, to] = [`${tempDir()}/from`, `${tempDir()}/to`];
  mkdirSync(`${from}/sub`, { recursive: true });
  writeFileSync(`${from}/sub/new\nline`, "x", { mode: 0o751 });
  chmodSync(`${from}/sub/new\nline`, 0o751);
  symlinkSync("nowhere", `${from}/link`);
  chmodSync(`${from}/sub`, 0o555);
  await moveAcross(Buffer.from(from), Buffer.from(to));
  expect(existsSync(from)).toBe(false);
  expect(readFileSync(`${to}/sub/new\nline`, "utf8")).toBe("x");
  expect([lstatSync(`${to}/sub`).mode & 0o777, lstatSync(`${to}/sub/new\nline`).mode & 0o777]).toEqual([0o555, 0o751]);
  expect(readlinkSync(`${to}/link`)).toBe("nowhere");
});
