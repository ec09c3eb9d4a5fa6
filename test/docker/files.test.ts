import { expect, setDefaultTimeout } from "bun:test";
import { FILE_CASES, KEEPS_BYTES, keepsBytes } from "../support/file-cases.ts";
import { IMAGES, type Need, testNeeding } from "../support/needs.ts";
import { failureOf, run } from "../support/session-run.ts";
import { withSession } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

const SHELLS = [
  ["debian", "image:debian-git", IMAGES["debian-git"]],
  ["busybox", "image:busybox", IMAGES.busybox],
] as const satisfies readonly (readonly [string, Need, string])[];

const NOBODY = { "docker.user": "65534:65534" };

for (const [name, need, image] of SHELLS) {
  const opening = (more: Readonly<Record<string, string>> = {}) => ({
    options: { "docker.image": image, ...more },
    context: { mode: "copy" as const },
  });
  for (const { title, work, user } of FILE_CASES) {
    testNeeding([need], `${name}: ${title}`, () => withSession(opening(user ? NOBODY : {}), work));
  }
  testNeeding([need], `${name}: ${KEEPS_BYTES}`, () =>
    withSession(opening(), (session) => keepsBytes(session, 80_000_000)),
  );
}

testNeeding(
  ["image:debian-git"],
  "a folder of thousands is listed whole",
  async () => {
    await withSession({ context: { mode: "copy" } }, async (session) => {
      await run(session, "mkdir many && cd many && seq -f 'a-rather-long-name-of-a-file-%05g' 1 20000 | xargs touch");
      expect(await session.workspace.list("many")).toHaveLength(20_000);
    });
  },
  120_000,
);

testNeeding(["image:debian-git"], "files go on while a command that floods its output is not read", async () => {
  await withSession({ context: { mode: "copy" } }, async (session) => {
    const flood = await session.executor.run({ argv: ["yes"] });
    await session.workspace.write("x", Buffer.from("y"));
    expect(Buffer.from(await session.workspace.read("x")).toString()).toBe("y");
    await flood.kill();
  });
});

testNeeding(
  ["image:debian-git"],
  "a file that cannot be written for lack of space leaves the old one and nothing else",
  async () => {
    await withSession({ context: { mode: "copy" } }, async (session) => {
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
