import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { TARGETS } from "../../scripts/build/targets.ts";
import { holdsAsset } from "../../scripts/release/embedded.ts";
import { executableFormat } from "../../scripts/release/executable-format.ts";
import { macSignature } from "../../scripts/release/mac-signature.ts";
import { testUnless } from "../support/needs.ts";

/** Bun's own executables, where `bun run build:all` has fetched them: signed by their maker, so a real measure. */
function fetchedBun(name: string): string | undefined {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "glue-build");
  const path = join(cache, `${name.replace("-arm64", "-aarch64")}-${Bun.version}`, "package", "bin");
  return ["bun", "bun.exe"].map((file) => join(path, file)).find((file) => existsSync(file));
}

test("the header of the running Bun says this platform and architecture", () => {
  const format = { linux: "ELF", darwin: "Mach-O", win32: "PE" }[process.platform as "linux" | "darwin" | "win32"];
  expect(executableFormat(readFileSync(process.execPath))).toMatchObject({ format, architecture: process.arch });
});

test("what is no executable has no format", () => {
  expect(executableFormat(readFileSync(import.meta.path))).toBeUndefined();
});

const fetched = TARGETS.flatMap((target) => {
  const path = fetchedBun(target.bun);
  return path === undefined ? [] : [{ target, path }];
});
const notFetched = fetched.length === 0 ? "none fetched; bun run build:all does" : undefined;

testUnless(notFetched, "Bun for other targets is recognised, signature included", () => {
  for (const { target, path } of fetched) {
    const bytes = readFileSync(path);
    const { format, architecture } = target;
    expect(executableFormat(bytes)).toMatchObject({ format, architecture });
    if (format !== "Mach-O") continue;
    expect(macSignature(bytes)).toMatchObject({ state: "valid", badPages: 0 });
    // One byte changed in one page, and the signature no longer holds.
    const offset = bytes.length >> 1;
    bytes[offset] = (bytes[offset] ?? 0) ^ 1;
    expect(macSignature(bytes)).toMatchObject({ state: "stale", badPages: 1 });
  }
});

test("an asset is found in a file that holds it, also as a string literal, and not elsewhere", () => {
  const asset = "scripts/provision/engine.sh";
  const source = readFileSync(asset, "utf8");
  expect(holdsAsset(Buffer.from(source), asset)).toBe(true);
  expect(holdsAsset(Buffer.from(JSON.stringify(source)), asset)).toBe(true);
  expect(holdsAsset(Buffer.from(source.slice(0, source.length >> 1)), asset)).toBe(false);
});
