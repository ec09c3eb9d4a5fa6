import { expect, test } from "bun:test";
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPython, interpreterOf } from "../../../runtimes/modal/python.ts";
import { defaultOptions } from "../../../spec/defaults.ts";
import { isGlueError } from "../../../spec/glue-error.ts";
import { tempDir } from "../../support/temp-dir.ts";

const SH = Bun.which("sh") ?? "";

const CASES: readonly (readonly [string, string, string[] | undefined])[] = [
  ["a plain first line", "#!/opt/venv/bin/python3\nimport sys\n", ["/opt/venv/bin/python3"]],
  ["one with an option", "#!/opt/venv/bin/python3 -sE\n", ["/opt/venv/bin/python3", "-sE"]],
  ["one through env", "#!/usr/bin/env sh\n", [SH]],
  ["one through env with options", "#!/usr/bin/env -S sh\n", [SH]],
  ["one through env for a program that is not there", "#!/usr/bin/env no-such-python\n", undefined],
  [
    "what pip writes for a long path",
    "#!/bin/sh\n'''exec' \"/a long/path/python3\" \"$0\" \"$@\"\n' '''\n",
    ["/a long/path/python3"],
  ],
  ["what uv writes without spaces", "#!/bin/sh\n'''exec' '/path/python' \"$0\" \"$@\"\n' '''\n", ["/path/python"]],
  ["a shell script that is no such line", "#!/bin/sh\nexec something\n", undefined],
];

for (const [what, text, expected] of CASES) {
  test(`the interpreter of a program is found: ${what}`, () => {
    const folder = tempDir();
    writeFileSync(join(folder, "real"), text);
    chmodSync(join(folder, "real"), 0o755);
    symlinkSync("real", join(folder, "modal"));
    expect(interpreterOf(join(folder, "modal"))).toEqual(expected as [string]);
  });
}

test("the interpreter of a program that cannot be read is not known", () => {
  expect(interpreterOf(join(tempDir(), "none"))).toBeUndefined();
});

test("the interpreter that is set is taken untried; else that of the program where it imports modal, and only then python3", async () => {
  const folder = tempDir();
  const program = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    chmodSync(file, 0o755);
    return file;
  };
  const has = "#!/bin/sh\nexit 0\n";
  const lacks = "#!/bin/sh\nexit 1\n";
  const ofProgram = program("python-of-modal", has);
  const modal = program("modal", `#!${ofProgram}\n`);
  const find = async (more: object = {}) => {
    try {
      return (await findPython({ ...defaultOptions(), "modal.modal_cli": modal, ...more })).argv;
    } catch (error) {
      return isGlueError(error) ? error.message : String(error);
    }
  };
  expect(await find({ "modal.python_path": "/opt/set" })).toEqual(["/opt/set"]);
  expect(await find()).toEqual([ofProgram]);
  program("python-of-modal", lacks);
  // What python3 there is on this machine, and whether it has modal, is its own affair.
  const next = await find();
  if (typeof next !== "string") expect(next).toEqual([Bun.which("python3") ?? ""]);
  else expect(next).toStartWith(`None of these can import modal: ${ofProgram} (the first line of ${modal})`);
});
