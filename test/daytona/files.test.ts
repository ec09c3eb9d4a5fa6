import { afterAll, beforeAll, expect } from "bun:test";
import { type Double, startDouble } from "../doubles/daytona/server.ts";
import { FILE_CASES, KEEPS_BYTES, keepsBytes } from "../support/file-cases.ts";
import { failureOf, run } from "../support/session-run.ts";
import { doubleProblem, slowWithDouble, testWithDouble, withDoubleProcess } from "./double.ts";
import { withSession } from "./support.ts";

let double: Double;
beforeAll(() => {
  if (doubleProblem === undefined) double = startDouble();
});
afterAll(async () => {
  await double?.stop();
});

for (const { title, work } of FILE_CASES) {
  testWithDouble(title, async () => await withSession(double, work), 60_000);
}

testWithDouble(
  KEEPS_BYTES,
  // The double in a process of its own: its memory is none of glue's.
  async () => await withDoubleProcess((own) => withSession(own, (session) => keepsBytes(session, 120_000_000))),
  120_000,
);

testWithDouble("what is uploaded goes in parts of a length that is told, none of them large", async () => {
  await withSession(double, async ({ workspace }) => {
    const before = double.uploads.length;
    const size = 20_000_000;
    await workspace.upload("parts", new Blob([new Uint8Array(size)]).stream(), { size });
    const parts = double.uploads.slice(before);
    expect(parts.length).toBeGreaterThan(1);
    for (const { length, chunked } of parts) {
      expect(chunked).toBe(false);
      expect(length).toBeGreaterThan(0);
      expect(length).toBeLessThan(50_000_000);
    }
    expect(await workspace.stat("parts")).toMatchObject({ size });
  });
});

slowWithDouble(
  "a folder of thousands is listed whole",
  async () => {
    await withSession(double, async (session) => {
      await run(session, "mkdir many && cd many && seq -f 'a-rather-long-name-of-a-file-%05g' 1 20000 | xargs touch");
      expect(await session.workspace.list("many")).toHaveLength(20_000);
    });
  },
  120_000,
);

testWithDouble("files go on while a command that floods its output is not read", async () => {
  await withSession(double, async (session) => {
    const flood = await session.executor.run({ argv: ["yes"] });
    await session.workspace.write("x", Buffer.from("y"));
    expect(Buffer.from(await session.workspace.read("x")).toString()).toBe("y");
    await flood.kill();
  });
});

slowWithDouble(
  "a file that cannot be written for lack of space leaves the old one and nothing else",
  async () => {
    await withSession(double, async (session) => {
      const { workspace } = session;
      // The only small file system that every container has.
      await workspace.write("/dev/shm/f", Buffer.from("old"));
      const size = 80_000_000;
      const error = await failureOf(workspace.write("/dev/shm/f", new Uint8Array(size)));
      expect(error.code).toBe("ioFailed");
      expect(error.message).toContain("no space is left");
      expect(Buffer.from(await workspace.read("/dev/shm/f")).toString()).toBe("old");
      expect(await workspace.list("/dev/shm")).toHaveLength(1);
    });
  },
  120_000,
);
