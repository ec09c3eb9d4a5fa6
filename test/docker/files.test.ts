import { expect, setDefaultTimeout } from "bun:test";
import type { RuntimeSession } from "../../runtimes/contract.ts";
import {
  keepsBytes,
  readsRanges,
  replacesWhole,
  tellsPathsApart,
  treatsLinksAsLinks,
  writesOddNames,
} from "../support/file-cases.ts";
import { IMAGES, type Need, testNeeding } from "../support/needs.ts";
import { failureOf, run } from "../support/session-run.ts";
import { withSession } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

const SHELLS = [
  ["debian", "image:debian-git", IMAGES["debian-git"]],
  ["busybox", "image:busybox", IMAGES.busybox],
] as const satisfies readonly (readonly [string, Need, string])[];

/** Not as root, who may do anything. */
const NOBODY = { "docker.user": "65534:65534" };

for (const [name, need, image] of SHELLS) {
  const cases: readonly [string, (session: RuntimeSession) => Promise<void>, Readonly<Record<string, string>>?][] = [
    ["files of every kind of name are written, read, listed and removed", writesOddNames],
    ["binary, empty and large files keep every byte, in constant memory", (session) => keepsBytes(session, 80_000_000)],
    ["a range is read from where it is asked for, also beyond the end", readsRanges],
    ["what is wrong with a path is told apart", tellsPathsApart, NOBODY],
    ["a file is replaced whole or not at all, and keeps its mode", replacesWhole],
    ["links are seen as links, written through, and replaced by a move", treatsLinksAsLinks],
  ];
  for (const [title, work, options] of cases) {
    testNeeding([need], `${name}: ${title}`, async () => {
      await withSession({ options: { "docker.image": image, ...options }, context: { mode: "copy" } }, work);
    });
  }
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
  30_000,
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
  30_000,
);
