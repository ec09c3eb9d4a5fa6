import { expect } from "bun:test";
import { type Bench, finish } from "../bench.ts";

const text = (value: string) => new TextEncoder().encode(value);
const MB = 1_000_000;

/** What is in files, there and back. */
export function fileContent(bench: Bench): void {
  bench.shows(
    "filesystem_write",
    "text, any bytes and nothing at all are written as they are",
    async ({ session, run }) => {
      const all = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
      await session.workspace.write("content/text", text("line\nno newline"));
      await session.workspace.write("content/bytes", all);
      await session.workspace.write("content/empty", new Uint8Array());
      const ended = await run({ argv: ["sh", "-c", "cat content/text; cat content/bytes >&2; wc -c <content/empty"] });
      expect(ended.out.replace(/ +0\n$/, "0\n")).toBe("line\nno newline0\n");
      expect(Buffer.from(ended.stderr).equals(all)).toBe(true);
    },
  );

  bench.shows(
    "filesystem_read",
    "text, any bytes and nothing at all are read as they are",
    async ({ session, run }) => {
      const all = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 11 + (i >> 8)) & 255);
      await run(
        { argv: ["sh", "-c", "mkdir -p read; printf 'a\\nb' >read/text; cat >read/bytes; : >read/empty"] },
        { stdin: all },
      );
      expect(await session.workspace.read("read/text")).toEqual(text("a\nb"));
      expect(Buffer.from(await session.workspace.read("read/bytes")).equals(all)).toBe(true);
      expect(await session.workspace.read(`${session.paths.workspace}/read/empty`)).toEqual(new Uint8Array());
    },
  );

  bench.shows("filesystem_read", "a part of a file can be read, and no more than there is", async ({ session }) => {
    await session.workspace.write("part", text("0123456789"));
    const part = async (offset: number, length: number) =>
      new TextDecoder().decode(await session.workspace.read("part", { offset, length }));
    expect([await part(0, 3), await part(4, 2), await part(8, 100), await part(10, 5), await part(50, 5)]).toEqual([
      "012",
      "45",
      "89",
      "",
      "",
    ]);
  });

  bench.shows(
    "filesystem_write",
    "two hundred million bytes go up as a stream",
    async ({ session, run }) => {
      const { stream, hash } = numbers(200 * MB);
      await session.workspace.upload("large/up", stream, { size: 200 * MB, mode: 0o640 });
      const { out } = await run({ argv: ["sh", "-c", "sha256sum <large/up; wc -c <large/up; ls -l large/up"] });
      expect(out).toContain(hash());
      expect(out).toContain("200000000");
      expect(out).toContain("-rw-r-----");
    },
    120_000,
  );

  bench.shows(
    "filesystem_read",
    "two hundred million bytes come down as a stream",
    async ({ session, run }) => {
      if ((await session.workspace.stat("large/up")) === undefined) {
        await session.workspace.upload("large/up", numbers(200 * MB).stream, { size: 200 * MB });
      }
      const there = (await run({ argv: ["sh", "-c", "sha256sum <large/up"] })).out.slice(0, 64);
      const here = new Bun.CryptoHasher("sha256");
      let size = 0;
      for await (const piece of await session.workspace.download("large/up")) {
        here.update(piece);
        size += piece.length;
      }
      expect([size, here.digest("hex")]).toEqual([200 * MB, there]);
      await session.workspace.remove("large", { recursive: true });
    },
    120_000,
  );

  bench.shows("filesystem_read", "a download can be given up", async ({ session }) => {
    await session.workspace.write("given-up", new Uint8Array(3_000_000));
    const reader = (await session.workspace.download("given-up")).getReader();
    expect((await reader.read()).value?.length).toBeGreaterThan(0);
    await reader.cancel();
    expect((await session.workspace.read("given-up")).length).toBe(3_000_000);
  });

  bench.shows(
    "filesystem_write",
    "an upload of another size than it said leaves the old file whole",
    async ({ session }) => {
      await session.workspace.write("whole/file", text("old"));
      for (const size of [5, 500]) {
        const stream = new Blob([new Uint8Array(50)]).stream();
        await expect(session.workspace.upload("whole/file", stream, { size })).rejects.toMatchObject({
          code: "transferFailed",
        });
        expect(await session.workspace.read("whole/file")).toEqual(text("old"));
      }
      expect((await session.workspace.list("whole")).length).toBe(1);
    },
  );

  bench.shows(
    "filesystem_write",
    "whoever reads a file while it is replaced sees the old or the new, never a part",
    async ({ session, start, run }) => {
      const sizes = [1_000_000, 2_000_000];
      await session.workspace.write("replaced", new Uint8Array(sizes[0] ?? 0));
      const watch = "while [ ! -e stop ]; do wc -c <replaced; done";
      const running = await start({ argv: ["sh", "-c", watch] });
      const watched = finish(running);
      for (let i = 1; i <= 12; i++) await session.workspace.write("replaced", new Uint8Array(sizes[i % 2] ?? 0));
      await run({ argv: ["sh", "-c", ": >stop"] });
      const ended = await watched;
      const seen = new Set(ended.out.trim().split(/\s+/).map(Number));
      expect(ended.err).toBe("");
      expect([...seen].filter((size) => !sizes.includes(size))).toEqual([]);
      expect(seen.size).toBeGreaterThan(0);
    },
  );

  bench.shows(
    "filesystem_write",
    "a file that is replaced keeps its mode; a mode that is given is set",
    async ({ session, run }) => {
      const { workspace } = session;
      await workspace.write("modes/kept", text("1"), { mode: 0o751 });
      await workspace.write("modes/kept", text("2"));
      expect((await workspace.stat("modes/kept"))?.mode).toBe(0o751);
      await workspace.write("modes/kept", text("3"), { mode: 0o600 });
      expect((await workspace.stat("modes/kept"))?.mode).toBe(0o600);
      expect((await run({ argv: ["sh", "-c", "cat modes/kept"] })).out).toBe("3");
    },
  );
}

/** `size` bytes that are cheap to make, as a stream, and their hash once it was read. */
function numbers(size: number): { stream: ReadableStream<Uint8Array>; hash: () => string } {
  const hasher = new Bun.CryptoHasher("sha256");
  let left = size;
  let round = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (left === 0) return controller.close();
        const piece = new Uint8Array(Math.min(left, 250_000)).fill(round++ & 255);
        piece[0] = round >> 8;
        left -= piece.length;
        hasher.update(piece);
        controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, hash: () => hasher.digest("hex") };
}
