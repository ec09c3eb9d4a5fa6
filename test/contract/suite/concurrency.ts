import { expect } from "bun:test";
import type { Bench } from "../bench.ts";

export function concurrency(bench: Bench): void {
  bench.shows("command_capture", "forty commands at once do not mix", async ({ run }) => {
    const one = async (n: number) => {
      const stdin = new TextEncoder().encode(`stdin ${n}\n`.repeat(n * 20));
      const script = `i=0; while [ $i -lt 20 ]; do echo "out $N $i"; echo "err $N $i" >&2; i=$((i + 1)); done; cat; exit $N`;
      const ended = await run({ argv: ["sh", "-c", script] }, { env: { N: String(n) }, stdin });
      const lines = (word: string) => Array.from({ length: 20 }, (_, i) => `${word} ${n} ${i}\n`).join("");
      expect(ended.out).toBe(lines("out") + `stdin ${n}\n`.repeat(n * 20));
      expect(ended.err).toBe(lines("err"));
      expect(ended.exitCode).toBe(n);
    };
    await Promise.all(Array.from({ length: 40 }, (_, n) => one(n + 1)));
  });
}
