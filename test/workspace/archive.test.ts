import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  ARCHIVE_END,
  type ArchiveEntry,
  archivedSize,
  archiveHeader,
  archivePadding,
} from "../../workspace/archive.ts";
import { tempDir } from "../support/temp-dir.ts";

interface Item {
  readonly path: string;
  readonly kind: ArchiveEntry["kind"];
  readonly content: Uint8Array;
  readonly executable?: boolean;
}

/** Writes an archive and checks that its size was foretold. */
function archive(items: readonly Item[]): Buffer {
  let foretold = ARCHIVE_END.length;
  const parts = items.flatMap(({ path, kind, content, executable = false }) => {
    const entry = { path: Buffer.from(path, "latin1"), kind, size: content.length, executable };
    foretold += archivedSize(entry);
    if (kind === "symlink") return [archiveHeader(entry, content)];
    return kind === "folder" ? [archiveHeader(entry)] : [archiveHeader(entry), content, archivePadding(content.length)];
  });
  const bytes = Buffer.concat([...parts, ARCHIVE_END]);
  expect(bytes.length).toBe(foretold);
  return bytes;
}

function unpack(bytes: Uint8Array): string {
  const into = join(tempDir(), "into");
  mkdirSync(into);
  const ran = Bun.spawnSync(["tar", "-x", "-o", "-m", "-f", "-"], {
    cwd: into,
    stdin: bytes,
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C" },
  });
  expect(ran.stderr.toString()).toBe("");
  expect(ran.exitCode).toBe(0);
  return into;
}

const at = (top: string, path: string) => Buffer.concat([Buffer.from(`${top}/`), Buffer.from(path, "latin1")]);

describe("an archive is read by tar as it was written", () => {
  test("names and targets of every length around the limits, modes, empty files, folders", () => {
    const lengths = [1, 99, 100, 101, 155, 156, 255];
    const items: Item[] = lengths.flatMap((length) => {
      const name = "n".repeat(length - 1);
      return [
        { path: `f${name}`, kind: "file", content: Buffer.from(`content ${length}`), executable: length % 2 === 0 },
        { path: `l${name}`, kind: "symlink", content: Buffer.from("../".repeat(length).slice(0, length)) },
        { path: `d${name}`, kind: "folder", content: Buffer.alloc(0) },
      ];
    });
    const deep = Array.from({ length: 12 }, (_, n) => `folder-with-a-name-${n}`.repeat(3)).join("/");
    items.push({ path: `${deep}/file`, kind: "file", content: Buffer.alloc(0) });
    const into = unpack(archive(items));
    for (const { path, kind, content, executable } of items) {
      const stat = lstatSync(at(into, path));
      if (kind === "folder") expect(stat.isDirectory()).toBe(true);
      else if (kind === "symlink") expect(readlinkSync(at(into, path), "buffer").equals(content)).toBe(true);
      else {
        expect(readFileSync(at(into, path)).equals(Buffer.from(content))).toBe(true);
        expect(stat.mode & 0o777).toBe(executable ? 0o755 : 0o644);
      }
    }
  });

  test("any bytes in names and contents", () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 60 })
      .map((bytes) => `x${Buffer.from(bytes.filter((byte) => byte !== 0 && byte !== 0x2f)).toString("latin1")}`);
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1, maxLength: 5 }),
        fc.uint8Array({ maxLength: 2_000 }),
        (names, content) => {
          const into = unpack(archive(names.map((path) => ({ path, kind: "file" as const, content }))));
          expect(readdirSync(into, "latin1").sort()).toEqual([...names].sort());
          for (const path of names) expect(readFileSync(at(into, path)).equals(Buffer.from(content))).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("a file of more than eight gigabytes has a size that tar understands", () => {
    const size = 9_000_000_000;
    const header = archiveHeader({ path: Buffer.from("big"), kind: "file", size });
    const ran = Bun.spawnSync(["tar", "-t", "-v", "-f", "-"], {
      stdin: header,
      env: { PATH: process.env.PATH ?? "", LC_ALL: "C" },
    });
    expect(ran.stdout.toString()).toContain(String(size));
  });
});
