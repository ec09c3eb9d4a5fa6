import { expect } from "bun:test";
import type { Bench } from "../bench.ts";

/** What commands write, to the byte. */
export function streams(bench: Bench): void {
  bench.shows("command_capture", "stdout and stderr are kept apart, each in its order", async ({ run }) => {
    const script = "i=0; while [ $i -lt 50 ]; do echo out $i; echo err $i >&2; i=$((i + 1)); done";
    const ended = await run({ argv: ["sh", "-c", script] });
    const lines = (word: string) => Array.from({ length: 50 }, (_, i) => `${word} ${i}\n`).join("");
    expect(ended.out).toBe(lines("out"));
    expect(ended.err).toBe(lines("err"));
  });

  bench.shows(
    "command_capture",
    "nothing is written where the command wrote nothing, and no final newline is made up",
    async ({ run }) => {
      expect(await run({ argv: ["true"] })).toMatchObject({ out: "", err: "" });
      expect(await run({ argv: ["sh", "-c", "printf a; printf b >&2"] })).toMatchObject({ out: "a", err: "b" });
    },
  );

  bench.shows(
    "command_capture",
    "every byte value arrives, NUL and invalid UTF-8 included, on both streams",
    async ({ run, session }) => {
      const all = Uint8Array.from({ length: 1024 }, (_, i) => (i * 7 + (i >> 8)) & 255);
      await session.workspace.write("all-bytes", all);
      const ended = await run({ argv: ["sh", "-c", "cat all-bytes; cat all-bytes >&2"] });
      expect(Buffer.from(ended.stdout).equals(all)).toBe(true);
      expect(Buffer.from(ended.stderr).equals(all)).toBe(true);
    },
  );

  bench.shows("command_capture", "a character whose bytes are written apart arrives whole", async ({ run }) => {
    const script =
      "printf '\\342'; sleep 0.1 2>/dev/null || sleep 1; printf '\\202'; sleep 0.1 2>/dev/null || sleep 1; printf '\\254'";
    expect((await run({ argv: ["sh", "-c", script] })).out).toBe("€");
  });

  bench.shows("command_capture", "a hundred million bytes arrive, none missing", async ({ start, session }) => {
    const block = crypto.getRandomValues(new Uint8Array(50_000));
    const megabyte = new Uint8Array(Buffer.concat(Array<Uint8Array>(20).fill(block)));
    await session.workspace.write("megabyte", megabyte);
    const script = "i=0; while [ $i -lt 100 ]; do cat megabyte; i=$((i + 1)); done";
    const running = await start({ argv: ["sh", "-c", script] });
    await running.stderr.cancel();
    const here = new Bun.CryptoHasher("sha256");
    for (let i = 0; i < 100; i++) here.update(megabyte);
    const there = new Bun.CryptoHasher("sha256");
    let size = 0;
    for await (const chunk of running.stdout) {
      there.update(chunk);
      size += chunk.length;
    }
    expect((await running.wait()).exitCode).toBe(0);
    expect([size, there.digest("hex")]).toEqual([100_000_000, here.digest("hex")]);
  });

  bench.shows("command_capture", "streams can be opened by name", async ({ run }) => {
    const ended = await run({ argv: ["sh", "-c", "echo a >/dev/stdout; echo b >/dev/stderr"] });
    expect([ended.out, ended.err]).toEqual(["a\n", "b\n"]);
  });
}
