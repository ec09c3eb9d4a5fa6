import { expect } from "bun:test";
import { type Bench, finish } from "../bench.ts";

/** Output as it happens, and no faster than it is taken. */
export function streaming(bench: Bench): void {
  bench.shows("command_streaming", "output arrives while the command still runs", async ({ start }) => {
    const running = await start({ argv: ["sh", "-c", "echo first; sleep 60; echo second"] });
    const reader = running.stdout.getReader();
    const began = performance.now();
    const { value } = await reader.read();
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(new TextDecoder().decode(value)).toBe("first\n");
    await running.kill();
    await reader.cancel();
  });

  bench.shows("command_streaming", "a command can be talked to, line by line", async ({ start }) => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const running = await start({ argv: ["sh", "-c", 'while read -r l; do echo "got $l"; done'] }, { stdin: readable });
    const reader = running.stdout.getReader();
    for (const word of ["one", "two"]) {
      await writer.write(new TextEncoder().encode(`${word}\n`));
      expect(new TextDecoder().decode((await reader.read()).value)).toBe(`got ${word}\n`);
    }
    await writer.close();
    expect((await reader.read()).done).toBe(true);
    expect((await running.wait()).exitCode).toBe(0);
  });

  bench.shows(
    "command_streaming",
    "a reader that stops stops the command, and loses nothing by it",
    async ({ start, session }) => {
      await session.workspace.remove("written");
      const running = await start({ argv: ["sh", "-c", "head -c 150000000 /dev/zero; echo yes >written"] });
      const reader = running.stdout.getReader();
      let size = (await reader.read()).value?.length ?? 0;
      await Bun.sleep(1500);
      expect(await session.workspace.stat("written")).toBeUndefined();
      for (let next = await reader.read(); !next.done; next = await reader.read()) size += next.value.length;
      expect((await running.wait()).exitCode).toBe(0);
      expect(size).toBe(150_000_000);
    },
  );

  bench.shows(
    "command_streaming",
    "a background child that holds stdout does not hold the result",
    async ({ start }) => {
      const began = performance.now();
      const ended = await finish(await start({ argv: ["sh", "-c", "sleep 120 & echo done; exit 6"] }));
      expect([ended.exitCode, ended.out]).toEqual([6, "done\n"]);
      expect(performance.now() - began).toBeLessThan(60_000);
    },
  );

  bench.shows("command_streaming", "nor does one that writes without end", async ({ start }) => {
    const began = performance.now();
    const ended = await finish(await start({ argv: ["sh", "-c", "echo first; yes >&1 & sleep 0.2; exit 6"] }));
    expect(ended.exitCode).toBe(6);
    expect(ended.out.startsWith("first\n")).toBe(true);
    expect(performance.now() - began).toBeLessThan(60_000);
  });

  bench.shows(
    "command_streaming",
    "what was written before the exit is all there for a slow reader",
    async ({ start }) => {
      const running = await start({ argv: ["sh", "-c", "head -c 60000 /dev/zero; sleep 20 & exit 0"] });
      await running.wait();
      let size = 0;
      const reader = running.stdout.getReader();
      for (;;) {
        await Bun.sleep(200);
        const { value, done } = await reader.read();
        if (done) break;
        size += value.length;
      }
      expect(size).toBe(60_000);
    },
  );
}
