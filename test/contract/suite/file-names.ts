import { expect } from "bun:test";
import type { SandboxPath } from "../../../runtimes/contract.ts";
import type { Bench } from "../bench.ts";

const NAMES: readonly string[] = [
  "plain",
  "with space",
  "new\nline",
  "\n",
  "it's",
  'double "quote"',
  "-rf",
  "--",
  "é-€-😀",
  "dollar $HOME `id` \\ back",
  "star * ? [a]",
  "tab\tand\u0001control",
  ".hidden",
  "...",
  " leading and trailing ",
  "ends in newline\n",
];
/** No UTF-8. */
const BYTES: readonly Uint8Array[] = [Uint8Array.of(0xff, 0xfe, 0x41), Uint8Array.of(0x61, 0xe9, 0x0a, 0x62)];

/** Names of any kind. */
export function fileNames(bench: Bench): void {
  const all: SandboxPath[] = [...NAMES, ...BYTES];

  bench.shows("filesystem_write", "names of any kind can be written, moved and removed", async ({ session, run }) => {
    const { workspace } = session;
    for (const name of all) {
      const path = inFolder("names", name);
      await workspace.write(path, new TextEncoder().encode("content"));
      const moved = inFolder("names", concat("moved ", name));
      await workspace.move(path, moved);
      expect(await workspace.stat(path)).toBeUndefined();
      expect(new TextDecoder().decode(await workspace.read(moved))).toBe("content");
      await workspace.remove(moved);
    }
    expect((await run({ argv: ["sh", "-c", "set -- names/* names/.[!.]*; ls -A names | wc -l"] })).out.trim()).toBe(
      "0",
    );
  });

  bench.shows("filesystem_read", "names of any kind are listed, told about and read", async ({ session, run }) => {
    const { workspace } = session;
    const folder = "listed 'folder'\n";
    for (const name of all) await workspace.write(inFolder(folder, name), new TextEncoder().encode("x"));
    const listed = (await workspace.list(folder)).map((entry) => Buffer.from(entry.name).toString("hex")).sort();
    expect(listed).toEqual(all.map((name) => Buffer.from(bytesOf(name)).toString("hex")).sort());
    for (const name of all) {
      const entry = await workspace.stat(inFolder(folder, name));
      expect([entry?.type, entry?.size]).toEqual(["file", 1]);
      expect(Buffer.from(entry?.name ?? []).equals(Buffer.from(bytesOf(name)))).toBe(true);
    }
    // Seen from inside, so that both sides mean the same names.
    const script = 'cd "$1"; n=0; for f in * .[!.]* ..?*; do [ -f "$f" ] && n=$((n + 1)); done; echo $n';
    expect((await run({ argv: ["sh", "-c", script, "sh", folder] })).out).toBe(`${all.length}\n`);
  });
}

function bytesOf(name: SandboxPath): Uint8Array {
  return typeof name === "string" ? new TextEncoder().encode(name) : name;
}

function concat(first: SandboxPath, second: SandboxPath): Uint8Array {
  return new Uint8Array(Buffer.concat([bytesOf(first), bytesOf(second)]));
}

function inFolder(folder: string, name: SandboxPath): SandboxPath {
  return typeof name === "string" ? `${folder}/${name}` : concat(`${folder}/`, name);
}
