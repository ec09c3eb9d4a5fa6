import { expect } from "bun:test";
import { type Bench, finish } from "../bench.ts";

/** What commands are given to read. */
export function stdin(bench: Bench): void {
  bench.shows("command_capture", "stdin is at its end unless something is given", async ({ run }) => {
    expect(await run({ argv: ["sh", "-c", "cat; echo end"] })).toMatchObject({ out: "end\n", exitCode: 0 });
  });

  bench.shows("command_capture", "text and any bytes arrive on stdin, and then its end", async ({ run }) => {
    const text = "first\nsecond, no newline";
    expect((await run({ argv: ["cat"] }, { stdin: new TextEncoder().encode(text) })).out).toBe(text);
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) & 255);
    const ended = await run({ argv: ["cat"] }, { stdin: bytes });
    expect(Buffer.from(ended.stdout).equals(bytes)).toBe(true);
  });

  bench.shows("command_capture", "fifty million bytes pass through a command", async ({ start }) => {
    const piece = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 131) & 255);
    let left = 50;
    const given = new Bun.CryptoHasher("sha256");
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (left-- === 0) return controller.close();
          given.update(piece);
          controller.enqueue(piece);
        },
      },
      { highWaterMark: 0 },
    );
    const running = await start({ argv: ["cat"] }, { stdin: source });
    const came = new Bun.CryptoHasher("sha256");
    let size = 0;
    for await (const chunk of running.stdout) {
      came.update(chunk);
      size += chunk.length;
    }
    expect((await running.wait()).exitCode).toBe(0);
    expect(size).toBe(50_000_000);
    expect(came.digest("hex")).toBe(given.digest("hex"));
  });

  bench.shows("command_capture", "a command need not read its stdin", async ({ start }) => {
    const ended = await finish(await start({ argv: ["sh", "-c", "exit 9"] }, { stdin: new Uint8Array(5_000_000) }));
    expect(ended.exitCode).toBe(9);
    const some = await finish(
      await start({ argv: ["head", "-c", "3"] }, { stdin: new TextEncoder().encode("abc".repeat(1e6)) }),
    );
    expect([some.out, some.exitCode]).toEqual(["abc", 0]);
  });

  bench.shows("command_capture", "stdin can be opened by name", async ({ run }) => {
    expect((await run({ argv: ["cat", "/dev/stdin"] }, { stdin: new TextEncoder().encode("x") })).out).toBe("x");
  });
}
