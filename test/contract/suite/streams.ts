import { expect } from "bun:test";
import type { Bench } from "../bench.ts";

const MB = 1_000_000;

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

  bench.shows("command_capture", "a hundred million bytes arrive, none missing", async ({ start }) => {
    const running = await start({ argv: ["sh", "-c", "seq 1 13000000 | head -c 100000000"] });
    void running.stderr.cancel();
    const hash = new Bun.CryptoHasher("sha256");
    let size = 0;
    for await (const chunk of running.stdout) {
      hash.update(chunk);
      size += chunk.length;
    }
    expect((await running.wait()).exitCode).toBe(0);
    expect(size).toBe(100 * MB);
    expect(hash.digest("hex")).toBe(hashOfNumbers());
  });

  bench.shows("command_capture", "streams can be opened by name", async ({ run }) => {
    const ended = await run({ argv: ["sh", "-c", "echo a >/dev/stdout; echo b >/dev/stderr"] });
    expect([ended.out, ended.err]).toEqual(["a\n", "b\n"]);
  });
}

/** Of `seq 1 13000000 | head -c 100000000`, computed here from the same numbers. */
function hashOfNumbers(): string {
  const hash = new Bun.CryptoHasher("sha256");
  let left = 100 * MB;
  for (let from = 1; left > 0; from += 10_000) {
    let text = "";
    for (let i = from; i < from + 10_000; i++) text += `${i}\n`;
    hash.update(text.slice(0, left));
    left -= Math.min(left, text.length);
  }
  return hash.digest("hex");
}
