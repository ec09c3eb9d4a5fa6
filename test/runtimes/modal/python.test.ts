import { expect, test } from "bun:test";
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { interpreterOf } from "../../../runtimes/modal/python.ts";
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
