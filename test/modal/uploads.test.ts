import { expect } from "bun:test";
import { isGlueError } from "../../runtimes/contract.ts";
import { ModalDouble, type Sdk, testWithModal } from "./double.ts";
import { withEachSdk } from "./each-sdk.ts";
import { openOn, run } from "./open.ts";

const MB = 1_000_000;

function bytes(size: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(made.subarray(at, Math.min(size, at + 65_536)));
  return made;
}

withEachSdk(uploads);

function uploads(sdk: Sdk): void {
  testWithModal(
    "files of every size go up whole; those of a bundle's size by the SDK's own way, and leave no trace",
    async () => {
      const double = await ModalDouble.start(sdk);
      try {
        const session = await openOn(double, {}, "process", sdk);
        const here = (content: Uint8Array) => new Bun.CryptoHasher("sha256").update(content).digest("hex");
        const there = async () =>
          (await run(session, { argv: ["sha256sum", "/tmp/up"] })).stdout.toString().slice(0, 64);
        for (const [size, streams] of [
          [1_024, 0],
          [1_025, 0],
          [1_500_000, 1],
          [25 * MB, 1],
          [40 * MB, 0],
        ] as const) {
          const before = (await double.state()).calls.TaskExecStdinWriteStream ?? 0;
          const content = bytes(size);
          await session.workspace.write("/tmp/up", content);
          // The oldest SDK has no such stream: it writes in calls.
          const after = (await double.state()).calls.TaskExecStdinWriteStream ?? 0;
          expect([size, await there(), after - before]).toEqual([size, here(content), sdk === "oldest" ? 0 : streams]);
        }
        await run(session, { argv: ["chmod", "640", "/tmp/up"] });
        const content = bytes(3 * MB);
        await session.workspace.write("/tmp/up", content);
        expect((await session.workspace.stat("/tmp/up"))?.mode).toBe(0o640);
        await session.workspace.write("/tmp/new/file", content);
        expect((await session.workspace.stat("/tmp/new/file"))?.mode).toBe(0o644);
        // What a folder gives to what is made in it, and what a file had that is replaced.
        const shared =
          "cd /tmp/new && chgrp 1234 . && chmod 2775 . && touch kept && chown 1235:1236 kept && ln -s kept link";
        await run(session, { argv: ["sh", "-c", shared] });
        for (const name of ["team", "link"]) await session.workspace.write(`/tmp/new/${name}`, content);
        const { stdout: owners } = await run(session, {
          argv: ["stat", "-c", "%u:%g %s", "/tmp/new/team", "/tmp/new/kept"],
        });
        expect(owners.toString()).toBe("0:1234 3000000\n1235:1236 3000000\n");

        const failure = async (source: ReadableStream<Uint8Array>) => {
          try {
            await session.workspace.upload("/tmp/up", source, { size: 3 * MB });
            return "none";
          } catch (error) {
            return isGlueError(error) ? error.code : String(error);
          }
        };
        const from = (parts: readonly (Uint8Array | Error)[]) => {
          const left = [...parts];
          return new ReadableStream<Uint8Array>({
            pull(controller) {
              const part = left.shift();
              if (part === undefined) controller.close();
              else if (part instanceof Error) controller.error(part);
              else controller.enqueue(part);
            },
          });
        };
        expect(await failure(from([bytes(2 * MB)]))).toBe("transferFailed");
        expect(await failure(from([bytes(2 * MB), bytes(2 * MB)]))).toBe("transferFailed");
        expect(await failure(from([bytes(2 * MB), new Error("the source broke")]))).toContain("the source broke");
        expect(await there()).toBe(here(content));
        // Where nothing may be written, the tools say so.
        await session.workspace.write("/tmp/up/beside", content).then(
          () => expect("written").toBe("refused"),
          (error: unknown) => expect(isGlueError(error)).toBe(true),
        );
        const { stdout } = await run(session, { argv: ["sh", "-c", "ls /var/lib/glue/spool | grep put; ls -A /tmp"] });
        expect(stdout.toString()).toBe("new\nup\n");
        await session.close();
      } finally {
        await double.stop();
      }
    },
    120_000,
  );
}
