import { expect, setDefaultTimeout } from "bun:test";
import { testNeeding } from "../support/needs.ts";
import { withSession } from "./support.ts";

setDefaultTimeout(120_000);

testNeeding(["docker"], "output goes into a sink whole and in order, and the streams are empty", async () => {
  await withSession({}, async (session) => {
    const taken = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
    const sink = {
      write: (stream: "stdout" | "stderr", bytes: Uint8Array) => void taken[stream].push(Buffer.from(bytes)),
    };
    const running = await session.executor.run({ script: "echo oh >&2; seq 300000; printf last" }, { sink });
    const streams = await Promise.all([new Response(running.stdout).text(), new Response(running.stderr).text()]);
    expect(streams).toEqual(["", ""]);
    expect(await running.wait()).toEqual({ exitCode: 0, outcome: "exited" });
    const expected = `${Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join("")}last`;
    expect(Buffer.concat(taken.stdout).toString() === expected).toBe(true);
    expect(Buffer.concat(taken.stderr).toString()).toBe("oh\n");
  });
});

testNeeding(["docker"], "a sink that is slow to the very end gets every byte", async () => {
  await withSession({}, async (session) => {
    const taken: Uint8Array[] = [];
    const sink = {
      // Longer than what is left to a background child after the result.
      async write(_: string, bytes: Uint8Array) {
        await Bun.sleep(400);
        taken.push(Buffer.from(bytes));
      },
    };
    const running = await session.executor.run({ script: "echo begin; sleep 0.2; seq 200000; echo end" }, { sink });
    await Promise.all([new Response(running.stdout).text(), running.wait()]);
    const text = Buffer.concat(taken).toString();
    expect(text.startsWith("begin\n1\n2\n")).toBe(true);
    expect(text.endsWith("\n200000\nend\n")).toBe(true);
    expect(text.split("\n").length).toBe(200_003);
  });
});

testNeeding(["docker"], "a background child that writes on does not hold a sink's streams open", async () => {
  await withSession({}, async (session) => {
    let bytes = 0;
    const sink = {
      write: (_: string, piece: Uint8Array): undefined => {
        bytes += piece.length;
        return undefined;
      },
    };
    const running = await session.executor.run(
      { script: "(while :; do echo more; sleep 0.05; done) & echo done" },
      { sink },
    );
    await Promise.all([new Response(running.stdout).text(), running.wait()]);
    expect(bytes).toBeGreaterThanOrEqual("done\n".length);
    const then = bytes;
    await Bun.sleep(500);
    expect(bytes).toBe(then);
  });
});
